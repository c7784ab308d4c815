# Short names for the commands of cargo; `just` alone lists them.
_default:
    @just --list

# run the server
run *arguments:
    cargo run --release -- {{arguments}}

# every check and test, on all storage backends
test:
    cargo xtask test

# the development database: up, down, url, psql
db *arguments:
    cargo xtask db {{arguments}}

# the benchmarks
bench *arguments:
    cargo xtask bench {{arguments}}

# the long fault tests
chaos *arguments:
    cargo xtask chaos {{arguments}}

# write docs/openapi.json, or --check it
openapi *arguments:
    cargo xtask openapi {{arguments}}

# format
fmt:
    cargo fmt --all

# lints, as the tests want them
lint:
    cargo clippy --workspace --all-targets -- -D warnings
