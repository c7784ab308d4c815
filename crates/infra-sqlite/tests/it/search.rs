//! The index beyond the contract: generations of codes in memory.
