-- The control plane: what keys are bound to and rated by, groups, the audit log, idempotency keys, books by user.

-- The books by user: records of a user are found by an index of their own, as those of a key or an account are, and so are the
-- roll-ups. Rows without a user are in none of them.

CREATE TABLE usage_record_by_user (
    subject TEXT NOT NULL, instant INTEGER NOT NULL, record_id INTEGER NOT NULL,
    PRIMARY KEY (subject, instant, record_id)
) STRICT, WITHOUT ROWID;

INSERT INTO usage_record_by_user (subject, instant, record_id)
    SELECT user_id, admitted_at, id FROM usage_record
    WHERE user_id IS NOT NULL AND id <= (SELECT through FROM usage_record_indexed)
    ORDER BY user_id, admitted_at, id;

CREATE INDEX usage_hourly_by_user ON usage_hourly (user_id, hour) WHERE user_id <> '';
CREATE INDEX usage_daily_by_user ON usage_daily (user_id, day) WHERE user_id <> '';
CREATE INDEX usage_monthly_by_user ON usage_monthly (user_id, month) WHERE user_id <> '';
