//! Prices a usage: price table, multipliers, cost. Integers only.
