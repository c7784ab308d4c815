//! Matrix products, in safe Rust.
//!
//! `pulp` picks the widest instructions that the processor has; the innermost loop keeps a tile of
//! the result in registers. The left side is packed in strips of eight rows, each strip step by step
//! along the depth, so that both sides are read in order. The right side and the result are plain
//! row-major matrices whose rows hold one column per token.

use pulp::{Arch, Simd, WithSimd};

/// Rows of a strip of the packed left side.
pub const STRIP_ROWS: usize = 8;

/// Columns come in multiples of this many: the write queues of the widest register, of 512 bits.
pub const COLUMN_STEP: usize = 16;

/// Steps along the depth that are done at once, so that what they read of the right side stays in the second-level
/// cache while every strip passes over it.
const DEPTH_BLOCK: usize = 384;

/// A matrix of weights in the order in which products read it.
#[derive(Debug)]
pub struct PackedMatrix {
    rows: usize,
    depth: usize,
    strips: Vec<f32>,
}

impl PackedMatrix {
    /// Packs a row-major matrix of `rows` times `depth` numbers. Rows that lack to a whole strip
    /// are zeros.
    ///
    /// # Panics
    /// When `values` has another length.
    #[must_use]
    pub fn pack(values: &[f32], rows: usize, depth: usize) -> Self {
        assert_eq!(values.len(), rows * depth, "the values of a matrix are its rows times its depth");
        let mut strips = vec![0.0; rows.next_multiple_of(STRIP_ROWS) * depth];
        for (row, numbers) in values.chunks_exact(depth).enumerate() {
            let strip = &mut strips[row / STRIP_ROWS * STRIP_ROWS * depth..][..STRIP_ROWS * depth];
            for (step, number) in strip.chunks_exact_mut(STRIP_ROWS).zip(numbers) {
                step[row % STRIP_ROWS] = *number;
            }
        }
        Self { rows: rows.next_multiple_of(STRIP_ROWS), depth, strips }
    }

    /// Rows of the result.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Computes `out = self · right + bias`: `right` has [`depth`](Self::pack) rows of `columns`
    /// numbers, `out` becomes one row of `columns` numbers for each row of the matrix, `bias` has a
    /// number for each.
    ///
    /// # Panics
    /// When `columns` is no multiple of [`COLUMN_STEP`] or a slice is too short.
    pub fn multiply(&self, bias: &[f32], right: &[f32], columns: usize, out: &mut [f32]) {
        let left = Left { data: &self.strips, strip_step: self.depth * STRIP_ROWS, depth_step: STRIP_ROWS };
        let right = Right { data: right, stride: columns };
        product(left, right, (self.rows, self.depth, columns), Some(bias), out, columns);
    }
}

/// The left side: strips of [`STRIP_ROWS`] rows.
#[derive(Clone, Copy)]
pub(crate) struct Left<'a> {
    /// The numbers.
    pub data: &'a [f32],
    /// From one strip to the next.
    pub strip_step: usize,
    /// Within a strip, from one step of the depth to the next.
    pub depth_step: usize,
}

/// The right side: rows of columns.
#[derive(Clone, Copy)]
pub(crate) struct Right<'a> {
    /// The numbers.
    pub data: &'a [f32],
    /// From one row to the next.
    pub stride: usize,
}

/// Computes `out = left · right + bias` for a shape of rows (a multiple of [`STRIP_ROWS`]), depth
/// and columns (a multiple of [`COLUMN_STEP`]). Rows of `out` lie `out_stride` apart.
pub(crate) fn product(
    left: Left<'_>,
    right: Right<'_>,
    (rows, depth, columns): (usize, usize, usize),
    bias: Option<&[f32]>,
    out: &mut [f32],
    out_stride: usize,
) {
    assert!(rows.is_multiple_of(STRIP_ROWS) && columns.is_multiple_of(COLUMN_STEP), "a product of whole strips");
    Arch::new().dispatch(Product { left, right, rows, depth, columns, bias, out, out_stride });
}

struct Product<'a> {
    left: Left<'a>,
    right: Right<'a>,
    rows: usize,
    depth: usize,
    columns: usize,
    bias: Option<&'a [f32]>,
    out: &'a mut [f32],
    out_stride: usize,
}

impl WithSimd for Product<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        // Eight rows of three registers keep 24 sums and what they need in 32 registers; with 16
        // registers only one column of them fits.
        let widest = if S::REGISTER_COUNT >= 32 { 3 } else { 1 };
        let lanes = S::F32_LANES;
        for block in (0..self.depth).step_by(DEPTH_BLOCK) {
            let depth = DEPTH_BLOCK.min(self.depth - block);
            for first_row in (0..self.rows).step_by(STRIP_ROWS) {
                let left = &self.left.data[first_row / STRIP_ROWS * self.left.strip_step..];
                let left = Left { data: &left[block * self.left.depth_step..], ..self.left };
                let start = match self.bias {
                    _ if block > 0 => Start::Continue,
                    Some(bias) => Start::Bias(&bias[first_row..first_row + STRIP_ROWS]),
                    None => Start::Zero,
                };
                let mut column = 0;
                while column < self.columns {
                    let right = Right { data: &self.right.data[block * self.right.stride + column..], ..self.right };
                    let out = &mut self.out[first_row * self.out_stride + column..];
                    let registers = match (self.columns - column) / lanes {
                        // 2 and 2 rather than 3 and 1: a lone register waits for its own sums.
                        2 | 4 => widest.min(2),
                        left => widest.min(left),
                    };
                    match registers {
                        1 => tile::<S, 1>(simd, left, right, depth, start, out, self.out_stride),
                        2 => tile::<S, 2>(simd, left, right, depth, start, out, self.out_stride),
                        _ => tile::<S, 3>(simd, left, right, depth, start, out, self.out_stride),
                    }
                    column += registers * lanes;
                }
            }
        }
    }
}

/// What a tile's sums begin with.
#[derive(Clone, Copy)]
enum Start<'a> {
    Zero,
    Bias(&'a [f32]),
    /// What `out` holds from the depth blocks before.
    Continue,
}

/// A strip of rows times `REGISTERS` registers of columns.
#[inline(always)]
fn tile<S: Simd, const REGISTERS: usize>(
    simd: S,
    left: Left<'_>,
    right: Right<'_>,
    depth: usize,
    start: Start<'_>,
    out: &mut [f32],
    out_stride: usize,
) {
    let width = REGISTERS * S::F32_LANES;
    let mut sums = [[simd.splat_f32s(0.0); REGISTERS]; STRIP_ROWS];
    match start {
        Start::Zero => {}
        Start::Bias(bias) => {
            for row in 0..STRIP_ROWS {
                sums[row] = [simd.splat_f32s(bias[row]); REGISTERS];
            }
        }
        Start::Continue => {
            for row in 0..STRIP_ROWS {
                let (registers, _) = S::as_simd_f32s(&out[row * out_stride..][..width]);
                sums[row].copy_from_slice(&registers[..REGISTERS]);
            }
        }
    }
    // Cut to their exact lengths, so that the loop needs no bounds checks.
    let left_steps = left.data[..(depth - 1) * left.depth_step + STRIP_ROWS].chunks(left.depth_step);
    let right_rows = right.data[..(depth - 1) * right.stride + width].chunks(right.stride);
    for (factors, columns) in left_steps.zip(right_rows) {
        let factors = &factors[..STRIP_ROWS];
        let (columns, _) = S::as_simd_f32s(&columns[..width]);
        for row in 0..STRIP_ROWS {
            let factor = simd.splat_f32s(factors[row]);
            for register in 0..REGISTERS {
                sums[row][register] = simd.mul_add_e_f32s(factor, columns[register], sums[row][register]);
            }
        }
    }
    for row in 0..STRIP_ROWS {
        let (registers, _) = S::as_mut_simd_f32s(&mut out[row * out_stride..][..width]);
        registers[..REGISTERS].copy_from_slice(&sums[row]);
    }
}

#[cfg(test)]
mod tests {
    use pulp::Scalar;

    use super::*;

    fn number(i: usize) -> f32 {
        ((i * 7919 + 13) % 1009) as f32 / 1009.0 - 0.5
    }

    /// Checks `multiply` on shapes with one step, a whole depth block and more, and every width of tile.
    fn assert_schoolbook(multiply: impl Fn(&PackedMatrix, &[f32], &[f32], usize, &mut [f32])) {
        for (rows, depth, columns) in
            [(8, 1, 16), (16, 5, 32), (24, 385, 48), (40, 800, 64), (8, 384, 80), (13, 7, 112)]
        {
            let left: Vec<f32> = (0..rows * depth).map(number).collect();
            let right: Vec<f32> = (0..depth * columns).map(|i| number(i + 31)).collect();
            let packed = PackedMatrix::pack(&left, rows, depth);
            let bias: Vec<f32> = (0..packed.rows()).map(|i| number(i + 77)).collect();
            let mut out = vec![f32::NAN; packed.rows() * columns];
            multiply(&packed, &bias, &right, columns, &mut out);
            for row in 0..rows {
                for column in 0..columns {
                    let exact: f64 = (0..depth)
                        .map(|k| f64::from(left[row * depth + k]) * f64::from(right[k * columns + column]))
                        .sum::<f64>()
                        + f64::from(bias[row]);
                    let got = f64::from(out[row * columns + column]);
                    assert!((got - exact).abs() < 1e-4, "{rows}x{depth}x{columns} at {row},{column}: {got} {exact}");
                }
            }
        }
    }

    /// The same product on instructions that the dispatch may not pick on this machine.
    fn on<S: Simd>(simd: S) -> impl Fn(&PackedMatrix, &[f32], &[f32], usize, &mut [f32]) {
        move |packed, bias, right, columns, out| {
            let (rows, depth) = (packed.rows, packed.depth);
            let left = Left { data: &packed.strips, strip_step: depth * STRIP_ROWS, depth_step: STRIP_ROWS };
            let right = Right { data: right, stride: columns };
            let bias = Some(bias);
            Simd::vectorize(simd, Product { left, right, rows, depth, columns, bias, out, out_stride: columns });
        }
    }

    #[test]
    fn products_are_those_of_the_schoolbook() {
        assert_schoolbook(PackedMatrix::multiply);
        assert_schoolbook(on(Scalar));
    }

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn products_with_half_as_wide_registers_are_the_same() {
        if let Some(simd) = pulp::x86::V3::try_new() {
            assert_schoolbook(on(simd));
        }
    }
}
