//! Chooses an account: eligibility, order, health, cooldown. Pure in now.
