//! GELU, softmax and layer norm over matrices whose rows hold one column per token.
//!
//! The loops are plain Rust without branches; compiled inside `pulp`'s dispatch they become vector
//! instructions.

use std::f32::consts::{FRAC_1_SQRT_2, LOG2_E};

use pulp::{Arch, Simd, WithSimd};

use crate::matrix::COLUMN_STEP;

/// `exp(x)` to two units in the last place, after Cephes' `expf` (Moshier): `x = n ln 2 + r`, a
/// polynomial for `exp(r)`, and `n` added to the exponent.
#[inline(always)]
fn exp(x: f32) -> f32 {
    /// 1.5 · 2²³: a number so large that adding it rounds to an integer, kept in its low bits.
    const ROUNDER: f32 = 12_582_912.0;
    let x = x.clamp(-87.0, 87.0);
    let shifted = x.mul_add(LOG2_E, ROUNDER);
    let n = shifted - ROUNDER;
    let r = n.mul_add(-0.693_359_4, x);
    let r = n.mul_add(2.121_944_4e-4, r);
    let polynomial = 1.987_569_1e-4_f32
        .mul_add(r, 1.398_2e-3)
        .mul_add(r, 8.333_452e-3)
        .mul_add(r, 4.166_579_6e-2)
        .mul_add(r, 1.666_666_5e-1)
        .mul_add(r, 0.5);
    let fraction = polynomial.mul_add(r * r, r) + 1.0;
    let power = shifted.to_bits().wrapping_sub(ROUNDER.to_bits()).wrapping_add(127) << 23;
    f32::from_bits(power) * fraction
}

/// The error function to 1.5e-7 (Abramowitz and Stegun, Handbook of Mathematical Functions, 7.1.26).
#[inline(always)]
fn erf(x: f32) -> f32 {
    let size = x.abs();
    let t = 1.0 / 0.327_591_1_f32.mul_add(size, 1.0);
    let polynomial = 1.061_405_4_f32
        .mul_add(t, -1.453_152)
        .mul_add(t, 1.421_413_8)
        .mul_add(t, -0.284_496_74)
        .mul_add(t, 0.254_829_6)
        * t;
    (1.0 - polynomial * exp(-size * size)).copysign(x)
}

/// `x · Φ(x)` in place, the exact form with the error function.
pub(crate) fn gelu(values: &mut [f32]) {
    Arch::new().dispatch(Gelu(values));
}

struct Gelu<'a>(&'a mut [f32]);

impl WithSimd for Gelu<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for value in self.0 {
            *value = 0.5 * *value * (1.0 + erf(*value * FRAC_1_SQRT_2));
        }
    }
}

/// Softmax down each column, in place. `width` is the length of a row, a multiple of [`COLUMN_STEP`].
pub(crate) fn softmax_columns(scores: &mut [f32], width: usize) {
    Arch::new().dispatch(Softmax { scores, width });
}

struct Softmax<'a> {
    scores: &'a mut [f32],
    width: usize,
}

impl WithSimd for Softmax<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for first in (0..self.width).step_by(COLUMN_STEP) {
            let mut greatest = [f32::MIN; COLUMN_STEP];
            for row in self.scores.chunks_exact(self.width) {
                for (greatest, score) in greatest.iter_mut().zip(&row[first..first + COLUMN_STEP]) {
                    *greatest = if *score > *greatest { *score } else { *greatest };
                }
            }
            let mut sums = [0.0; COLUMN_STEP];
            for row in self.scores.chunks_exact_mut(self.width) {
                let row = &mut row[first..first + COLUMN_STEP];
                for ((sum, score), greatest) in sums.iter_mut().zip(row).zip(&greatest) {
                    *score = exp(*score - greatest);
                    *sum += *score;
                }
            }
            let shares = sums.map(|sum| 1.0 / sum);
            for row in self.scores.chunks_exact_mut(self.width) {
                for (score, share) in row[first..first + COLUMN_STEP].iter_mut().zip(&shares) {
                    *score *= share;
                }
            }
        }
    }
}

/// A layer norm: one gain and one bias for each feature.
#[derive(Debug)]
pub(crate) struct LayerNorm {
    /// Factor of each feature.
    pub gain: Vec<f32>,
    /// Summand of each feature.
    pub bias: Vec<f32>,
    /// Added to the variance.
    pub epsilon: f32,
}

impl LayerNorm {
    /// Adds `summand` to `values` where there is one, and normalises each column of the sum, in place.
    pub(crate) fn apply(&self, values: &mut [f32], summand: Option<&[f32]>, columns: usize) {
        Arch::new().dispatch(Normalise { norm: self, values, summand, columns });
    }
}

struct Normalise<'a> {
    norm: &'a LayerNorm,
    values: &'a mut [f32],
    summand: Option<&'a [f32]>,
    columns: usize,
}

impl WithSimd for Normalise<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        if let Some(summand) = self.summand {
            for (value, addend) in self.values.iter_mut().zip(summand) {
                *value += addend;
            }
        }
        let count = self.norm.gain.len() as f32;
        for first in (0..self.columns).step_by(COLUMN_STEP) {
            let mut means = [0.0_f32; COLUMN_STEP];
            for row in self.values.chunks_exact(self.columns) {
                for (mean, value) in means.iter_mut().zip(&row[first..first + COLUMN_STEP]) {
                    *mean += value;
                }
            }
            let means = means.map(|sum| sum / count);
            let mut squares = [0.0_f32; COLUMN_STEP];
            for row in self.values.chunks_exact(self.columns) {
                let row = &row[first..first + COLUMN_STEP];
                for ((square, value), mean) in squares.iter_mut().zip(row).zip(&means) {
                    let distance = value - mean;
                    *square = distance.mul_add(distance, *square);
                }
            }
            let scales = squares.map(|sum| 1.0 / (sum / count + self.norm.epsilon).sqrt());
            let parameters = self.norm.gain.iter().zip(&self.norm.bias);
            for (row, (gain, bias)) in self.values.chunks_exact_mut(self.columns).zip(parameters) {
                let row = &mut row[first..first + COLUMN_STEP];
                for ((value, mean), scale) in row.iter_mut().zip(&means).zip(&scales) {
                    *value = ((*value - mean) * scale).mul_add(*gain, *bias);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(count: usize) -> Vec<f32> {
        (0..count).map(|i| ((i * 7919 + 13) % 1009) as f32 / 101.0 - 5.0).collect()
    }

    #[test]
    fn exponentials_are_right_over_their_whole_range() {
        for step in -8_600..=8_600 {
            let x = step as f32 / 100.0;
            let exact = f64::from(x).exp();
            assert!((f64::from(exp(x)) / exact - 1.0).abs() < 3e-7, "exp({x}) = {}", exp(x));
        }
    }

    #[test]
    fn gelu_is_the_integral_of_the_normal_curve() {
        // Values of x·Φ(x) to ten digits.
        let known = [
            (-3.0, -0.004_049_694_1),
            (-1.0, -0.158_655_253_9),
            (-0.1, -0.046_017_216_3),
            (0.0, 0.0),
            (0.5, 0.345_731_230_6),
            (1.0, 0.841_344_746_1),
            (2.0, 1.954_499_736_1),
            (10.0, 10.0),
        ];
        for (x, exact) in known {
            let mut value = [x];
            gelu(&mut value);
            assert!((f64::from(value[0]) - exact).abs() < 1e-6, "gelu({x}) = {}", value[0]);
        }
    }

    #[test]
    fn columns_of_a_softmax_are_shares() {
        let (rows, width) = (37, 48);
        let before = numbers(rows * width);
        let mut after = before.clone();
        softmax_columns(&mut after, width);
        for column in 0..width {
            let sum: f64 = (0..rows).map(|row| f64::from(before[row * width + column]).exp()).sum();
            for row in 0..rows {
                let exact = f64::from(before[row * width + column]).exp() / sum;
                assert!((f64::from(after[row * width + column]) - exact).abs() < 1e-6);
            }
        }
    }

    #[test]
    fn columns_are_normalised_with_what_is_added() {
        let (rows, columns) = (24, 32);
        let (mut values, summand) = (numbers(rows * columns), numbers(rows * columns + 7)[7..].to_vec());
        let norm = LayerNorm { gain: numbers(rows), bias: numbers(rows + 5)[5..].to_vec(), epsilon: 1e-3 };
        let sums: Vec<f64> = values.iter().zip(&summand).map(|(a, b)| f64::from(a + b)).collect();
        norm.apply(&mut values, Some(&summand), columns);
        for column in 0..columns {
            let of_column = |row: usize| sums[row * columns + column];
            let mean = (0..rows).map(of_column).sum::<f64>() / rows as f64;
            let variance = (0..rows).map(|row| (of_column(row) - mean).powi(2)).sum::<f64>() / rows as f64;
            for row in 0..rows {
                let exact = (of_column(row) - mean) / (variance + 1e-3).sqrt() * f64::from(norm.gain[row])
                    + f64::from(norm.bias[row]);
                assert!((f64::from(values[row * columns + column]) - exact).abs() < 1e-5);
            }
        }
    }
}
