//! The entries of the keyspace table, in the order of the specification. Facts only: what is done with them stands elsewhere.

use super::{
    Class::{self, Live, Record, State, Usage},
    Column, ColumnKind, Entry,
    Kind::{self, Hash, List, Set, SortedSet, String},
    Life::{self, AuditRetention, Forever, Retention, Timed, UntilDeleted, Week, WithRecord},
    Listing, Unique,
};

const fn text(name: &'static str) -> Column {
    Column { name, kind: ColumnKind::Text, listing: Listing::Unlisted }
}

const fn integer(name: &'static str) -> Column {
    Column { name, kind: ColumnKind::Integer, listing: Listing::Unlisted }
}

const fn secret(name: &'static str) -> Column {
    Column { name, kind: ColumnKind::Secret, listing: Listing::Unlisted }
}

impl Column {
    const fn listed(mut self) -> Self {
        self.listing = Listing::Listed;
        self
    }

    const fn searched(mut self) -> Self {
        self.listing = Listing::Searched;
        self
    }

    const fn items(mut self) -> Self {
        self.listing = Listing::Items;
        self
    }
}

const API_KEY: &[Column] = &[
    text("name").searched(),
    text("description").searched(),
    text("hash"),
    text("hash_scheme"),
    text("hint").searched(),
    text("permissions"),
    text("allowed_clients"),
    text("restricted_models"),
    text("tags").items(),
    text("owner").listed(),
    integer("expires_at").listed(),
    integer("lifetime_ms"),
    integer("first_used_at"),
    text("state").listed(),
    integer("deleted_at"),
    integer("created_at").listed(),
    text("created_by"),
    integer("updated_at").listed(),
    text("binding_claude").listed(),
    text("binding_gemini").listed(),
    text("binding_openai").listed(),
    text("binding_droid").listed(),
    text("rate_multipliers"),
    text("icon"),
];

/// The columns of an account of one platform: what all have, and its own.
macro_rules! account {
    ($($own:expr),+ $(,)?) => {
        &[
            text("name").searched(),
            text("description").searched(),
            integer("priority").listed(),
            integer("schedulable").listed(),
            integer("concurrency_max"),
            text("models"),
            integer("expires_at").listed(),
            secret("proxy"),
            integer("created_at").listed(),
            integer("updated_at").listed(),
            $($own,)+
            integer("weight"),
            integer("stops_at_warning"),
        ]
    };
}

/// [`account`] of a platform that signs in by OAuth.
macro_rules! oauth_account {
    ($($own:expr),* $(,)?) => {
        account![
            text("base_url"),
            secret("access_token"),
            integer("access_expires_at"),
            secret("refresh_token"),
            text("scopes"),
            text("provider_account_id"),
            text("email"),
            text("sign_in_needed"),
            integer("refreshed_at"),
            integer("refresh_begun_at"),
            $($own,)*
        ]
    };
}

const MESSAGES_ACCOUNT: &[Column] = &[
    text("name").searched(),
    text("description").searched(),
    integer("priority").listed(),
    integer("schedulable").listed(),
    integer("concurrency_max"),
    text("models"),
    integer("expires_at").listed(),
    text("base_url"),
    text("messages_path"),
    secret("api_key"),
    text("auth"),
    integer("created_at").listed(),
    integer("updated_at").listed(),
    secret("proxy"),
    integer("weight"),
    integer("stops_at_warning"),
];

const OAUTH_ACCOUNT: &[Column] = oauth_account![];

const GEMINI_ACCOUNT: &[Column] = oauth_account![text("access"), secret("api_key"), text("auth"), text("project_id")];

const OPENAI_RESPONSES_ACCOUNT: &[Column] = account![text("base_url"), secret("api_key"), text("auth")];

const BEDROCK_ACCOUNT: &[Column] = account![
    text("access"),
    text("region"),
    text("base_url"),
    text("access_key_id"),
    secret("secret_access_key"),
    secret("session_token"),
    secret("bearer_token"),
];

const AZURE_OPENAI_ACCOUNT: &[Column] =
    account![text("base_url"), secret("api_key"), text("auth"), text("deployment"), text("api_version"),];

const DROID_ACCOUNT: &[Column] = oauth_account![text("access"), secret("api_keys")];

const USER: &[Column] = &[
    text("email").searched(),
    text("name").searched(),
    text("role").listed(),
    text("password_hash"),
    integer("created_at").listed(),
    integer("updated_at").listed(),
    text("state").listed(),
    integer("keys_max"),
];

const ADMIN: &[Column] = &[
    text("username").searched(),
    text("password_hash"),
    text("role").listed(),
    integer("created_at").listed(),
    integer("updated_at").listed(),
];

const API_TOKEN: &[Column] = &[
    text("name").searched(),
    text("hash"),
    text("hint").searched(),
    text("admin_id").listed(),
    text("role"),
    text("scopes"),
    integer("expires_at").listed(),
    integer("last_used_at"),
    integer("created_at").listed(),
];

const ADMIN_TOTP: &[Column] =
    &[secret("secret"), integer("confirmed_at"), integer("last_step"), text("recovery"), integer("created_at")];

const ADMIN_CREDENTIALS: &[Column] =
    &[text("admin_id"), text("file_digest"), integer("file_updated_at"), integer("updated_at")];

const MODEL_PRICING: &[Column] = &[text("document"), integer("updated_at").listed()];

const ACCOUNT_GROUP: &[Column] = &[
    text("name").searched(),
    text("name_folded"),
    text("description").searched(),
    text("members"),
    integer("created_at").listed(),
    integer("updated_at").listed(),
];

const OAUTH_CLIENT: &[Column] = &[
    text("authorize_url"),
    text("token_url"),
    text("device_url"),
    text("revoke_url"),
    text("redirect_uri"),
    text("client_id"),
    secret("client_secret"),
    text("client_auth"),
    text("scopes"),
    text("token_body"),
    text("authorize_parameters"),
    integer("created_at"),
    integer("updated_at").listed(),
];

const OAUTH_SIGN_IN: &[Column] = &[secret("pending"), integer("expires_at").listed(), integer("created_at")];

const SETTING: &[Column] = &[text("value"), integer("updated_at").listed()];

const KEY_CHECK: &[Column] = &[secret("sealed"), integer("created_at")];

/// An entry without columns and unique columns.
const fn entry(
    family: Family,
    name: &'static str,
    pattern: &'static str,
    (kind, life, class): (Kind, Life, Class),
    holds: &'static str,
) -> Entry {
    Entry { family, name, pattern, kind, life, class, columns: &[], unique: &[], holds }
}

impl Entry {
    const fn with(mut self, columns: &'static [Column]) -> Self {
        self.columns = columns;
        self
    }

    const fn unique(mut self, unique: &'static [Unique]) -> Self {
        self.unique = unique;
        self
    }
}

macro_rules! families {
    ($($variant:ident $name:literal $pattern:literal $facts:tt $holds:literal $(.$build:ident($argument:expr))*;)+) => {
        /// A family of keys: the entry of the table with the same place.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Family { $(#[doc = $holds] $variant,)+ }

        /// The table.
        pub const TABLE: &[Entry] = &[$(entry(Family::$variant, $name, $pattern, $facts, $holds)$(.$build($argument))*,)+];
    };
}

impl std::fmt::Display for Family {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

families! {
    ApiKey "api_key" "api_key:{ID}" (Hash, UntilDeleted, Record) "API keys: permissions, restrictions, expiry, state."
        .with(API_KEY).unique(&[Unique { column: "hash", index: Family::ApiKeyHash }]);
    ApiKeyHash "api_key_hash" "api_key_hash:{HASH}" (String, WithRecord, Record) "Id of the key whose SHA-256 this is.";
    ApiKeyUsage "api_key_usage" "api_key_usage:{KEY}" (Hash, WithRecord, Usage) "Totals of a key by token class, requests, last use.";
    ApiKeyCost "api_key_cost" "api_key_cost:{KEY}" (Hash, Timed, Usage) "Cost of a key per day, week, month and in total, list and rated.";
    ClaudeAccount "claude_account" "claude_account:{ID}" (Hash, UntilDeleted, Record) "Claude accounts by OAuth."
        .with(OAUTH_ACCOUNT);
    ClaudeConsoleAccount "claude_console_account" "claude_console_account:{ID}" (Hash, UntilDeleted, Record) "Claude Console accounts: base URL, API key, model mapping."
        .with(MESSAGES_ACCOUNT);
    GeminiAccount "gemini_account" "gemini_account:{ID}" (Hash, UntilDeleted, Record) "Gemini accounts by OAuth or API key."
        .with(GEMINI_ACCOUNT);
    OpenAiAccount "openai_account" "openai_account:{ID}" (Hash, UntilDeleted, Record) "ChatGPT / Codex accounts by OAuth."
        .with(OAUTH_ACCOUNT);
    OpenAiResponsesAccount "openai_responses_account" "openai_responses_account:{ID}" (Hash, UntilDeleted, Record) "OpenAI Responses accounts: base URL, API key."
        .with(OPENAI_RESPONSES_ACCOUNT);
    BedrockAccount "bedrock_account" "bedrock_account:{ID}" (Hash, UntilDeleted, Record) "AWS Bedrock accounts: region, access key or bearer token."
        .with(BEDROCK_ACCOUNT);
    AzureOpenAiAccount "azure_openai_account" "azure_openai_account:{ID}" (Hash, UntilDeleted, Record) "Azure OpenAI accounts: endpoint, deployment, API version, API key."
        .with(AZURE_OPENAI_ACCOUNT);
    DroidAccount "droid_account" "droid_account:{ID}" (Hash, UntilDeleted, Record) "Droid accounts by OAuth or API keys."
        .with(DROID_ACCOUNT);
    CcrAccount "ccr_account" "ccr_account:{ID}" (Hash, UntilDeleted, Record) "Claude-code-router accounts: base URL, API key, model mapping."
        .with(MESSAGES_ACCOUNT);
    User "user" "user:{ID}" (Hash, UntilDeleted, Record) "People: role, password hash, quota."
        .with(USER).unique(&[Unique { column: "email", index: Family::UserEmail }]);
    UserEmail "user_email" "user_email:{EMAIL}" (String, WithRecord, Record) "Id of the user with this e-mail address.";
    UserSession "user_session" "user_session:{JTI}" (Hash, Timed, State) "Sign-in sessions of users, by the token's jti.";
    Admin "admin" "admin:{ID}" (Hash, UntilDeleted, Record) "Administrators: role, password hash."
        .with(ADMIN).unique(&[Unique { column: "username", index: Family::AdminUsername }]);
    AdminUsername "admin_username" "admin_username:{USERNAME}" (String, WithRecord, Record) "Id of the administrator with this name.";
    AdminCredentials "admin_credentials" "admin_credentials" (Hash, UntilDeleted, Record) "Which content of data/init.json was applied, and to whom."
        .with(ADMIN_CREDENTIALS);
    Session "session" "session:{JTI}" (Hash, Timed, State) "Sign-in sessions of administrators, by the token's jti.";
    StickySession "sticky_session" "sticky_session:{HASH}" (Hash, Timed, State) "Account that a client's session is bound to, and until when.";
    SessionWindow "session_window" "session_window:{ACCOUNT}" (Hash, Timed, State) "Windows of an account's subscription by name: end, status, use, when it was told.";
    UsageDaily "usage:daily" "usage:daily:DAY:{KEY}:MODEL" (Hash, Retention, Usage) "Use by day, key and model.";
    UsageAccount "usage:account" "usage:account:{ACCOUNT}:DAY" (Hash, Retention, Usage) "Use by account and day, by model.";
    UsageGlobal "usage:global" "usage:global:{DAY}" (Hash, Retention, Usage) "Use of the whole relay by day, by model and platform.";
    RateLimit "rate_limit" "rate_limit:{KEY}:WINDOW" (Hash, Timed, State) "Counters of a window and their open reservations.";
    RateLimitState "rate_limit_state" "rate_limit_state:{ACCOUNT}" (Hash, Timed, State) "Cooldowns of an account: cause, scope, until when, from which header.";
    Overload "overload" "overload:{ACCOUNT}" (String, Timed, State) "Overloaded (529) until.";
    Concurrency "concurrency" "concurrency:{ACCOUNT}" (SortedSet, Timed, Live) "Slots held on an account, by expiry.";
    ConcurrencyKey "concurrency:key" "concurrency:key:{KEY}" (SortedSet, Timed, Live) "Slots held by a key, by expiry.";
    ConcurrencyQueue "concurrency:queue" "concurrency:queue:{KEY}" (SortedSet, Timed, Live) "Requests of a key that wait, in order.";
    ConcurrencyQueueStats "concurrency:queue:stats" "concurrency:queue:stats:{KEY}" (Hash, Week, State) "How many entered, succeeded, timed out, left.";
    ConcurrencyQueueWaitTimes "concurrency:queue:wait_times" "concurrency:queue:wait_times:{KEY}" (List, Timed, State) "Recent waits in milliseconds, of a key or `global`.";
    WebhookConfig "webhook_config" "webhook_config:{ID}" (Hash, UntilDeleted, Record) "Notification channels.";
    UserMsgQueueLock "user_msg_queue_lock" "user_msg_queue_lock:{ACCOUNT}" (String, Timed, Live) "Who sends a user message to an account now.";
    UserMsgQueueLast "user_msg_queue_last" "user_msg_queue_last:{ACCOUNT}" (String, Timed, Live) "When the last user message to an account ended.";
    SystemInfo "system_info" "system_info" (Hash, UntilDeleted, State) "State of the system as last seen.";
    ModelPricing "model_pricing" "model_pricing:{MODEL}" (Hash, UntilDeleted, Record) "Prices set by the operator, over those that come with the relay."
        .with(MODEL_PRICING);
    Schema "schema" "schema" (Hash, Forever, Class::Store) "Schema version and identity of the store.";
    KeyCheck "key_check" "key_check" (Hash, Forever, Class::Store) "Check value of the encryption key."
        .with(KEY_CHECK);
    Setting "setting" "setting:{NAME}" (Hash, UntilDeleted, Record) "Runtime settings."
        .with(SETTING);
    UsageRecord "usage_record" "usage_record:{DAY}" (Hash, Retention, Usage) "The ledger: one record per upstream attempt, packed by the second.";
    UsageRecordSeconds "usage_record:seconds" "usage_record:seconds:{DAY}" (String, Retention, Usage) "Seconds of a day that have records, a bit each. On Redis.";
    UsageRecordKey "usage_record:key" "usage_record:key:{KEY}:DAY" (String, Retention, Usage) "Seconds of a day that have records of a key, three bytes each. On Redis.";
    UsageRecordAccount "usage_record:account" "usage_record:account:{ACCOUNT}:DAY" (String, Retention, Usage) "Seconds of a day that have records of an account, three bytes each. On Redis.";
    UsageKeys "usage_keys" "usage_keys:{BUCKET}" (Set, Retention, Usage) "Keys and models that were used in an hour, day or month. On Redis.";
    UsageAccounts "usage_accounts" "usage_accounts:{BUCKET}" (Set, Retention, Usage) "Accounts that were used in an hour, day or month. On Redis.";
    UsageCostEnds "usage_cost_ends" "usage_cost_ends:{DAY}" (Set, Retention, Usage) "Keys with a cost of a day or week that ends on a day. On Redis.";
    UsageBuckets "usage_buckets" "usage_buckets:{KEY}" (SortedSet, Retention, Usage) "Hours, days and months in which a key was used, by model. On Redis.";
    LedgerBuckets "ledger_buckets" "ledger_buckets" (SortedSet, Forever, Usage) "Hours, days and months that the books hold. On Redis.";
    LedgerApplied "ledger_applied" "ledger_applied:{SUBJECT}" (Hash, Forever, Class::Store) "Last batch of each journal that was applied to a key, an account or a bucket. On Redis.";
    UsageHourly "usage:hourly" "usage:hourly:HOUR:{KEY}:MODEL" (Hash, Week, Usage) "Use by hour, key and model.";
    UsageAccountHourly "usage:account:hourly" "usage:account:hourly:{ACCOUNT}:HOUR" (Hash, Week, Usage) "Use by account and hour, by model.";
    UsageGlobalHourly "usage:global:hourly" "usage:global:hourly:{HOUR}" (Hash, Week, Usage) "Use of the whole relay by hour, by model and platform.";
    UsageMonthly "usage:monthly" "usage:monthly:MONTH:{KEY}:MODEL" (Hash, Forever, Usage) "Use by month, key and model.";
    UsageAccountMonthly "usage:account:monthly" "usage:account:monthly:{ACCOUNT}:MONTH" (Hash, Forever, Usage) "Use by account and month, by model.";
    UsageGlobalMonthly "usage:global:monthly" "usage:global:monthly:{MONTH}" (Hash, Forever, Usage) "Use of the whole relay by month, by model and platform.";
    LedgerEpoch "ledger_epoch" "ledger_epoch:{EPOCH}" (Hash, Forever, Class::Store) "Last batch applied of a journal.";
    LedgerEpochs "ledger_epochs" "ledger_epochs" (SortedSet, Forever, Class::Store) "Journals, by when they last delivered. On Redis.";
    Lock "lock" "lock:{NAME}" (Hash, Timed, Live) "Holder and fence of a lock.";
    Change "change" "change:{LOG}:FAMILY" (SortedSet, Forever, Class::Store) "The sequence of changes of records, by family; `change` in SQLite.";
    ConcurrencyQueueEnds "concurrency:queue:ends" "concurrency:queue:ends:{KEY}" (SortedSet, Timed, Live) "When the places of a queue expire. On Redis.";
    StickySessionEnds "sticky_session_ends" "sticky_session_ends" (SortedSet, Timed, State) "Sticky sessions by when they end at the earliest. On Redis.";
    Cooldowns "cooldowns" "cooldowns" (SortedSet, Timed, State) "Cooldowns of all accounts, by their end. On Redis.";
    SessionIndex "session_index" "session_index:{SUBJECT}" (SortedSet, Timed, State) "Sign-in sessions of one person, by their beginning. On Redis.";
    SessionEnds "session_ends" "session_ends" (SortedSet, Timed, State) "Sign-in sessions by their end. On Redis.";
    RateLimitReservations "rate_limit:reservations" "rate_limit:reservations:{SUBJECT}:PART" (SortedSet, Timed, State) "Open reservations of a subject, and its windows by their end. On Redis.";
    Call "call" "call:{SUBJECT}:ID" (String, Timed, Live) "The reply to a call, for the case that it was lost. On Redis.";
    ApiToken "api_token" "api_token:{ID}" (Hash, UntilDeleted, Record) "Tokens of programs that administer the relay: maker, role, scopes, expiry."
        .with(API_TOKEN).unique(&[Unique { column: "hash", index: Family::ApiTokenHash }]);
    ApiTokenHash "api_token_hash" "api_token_hash:{HASH}" (String, WithRecord, Record) "Id of the API token whose SHA-256 this is.";
    AdminTotp "admin_totp" "admin_totp:{ADMIN}" (Hash, UntilDeleted, Record) "Second factors of administrators: sealed secret, last code, hashed recovery codes."
        .with(ADMIN_TOTP);
    AccountGroup "account_group" "account_group:{ID}" (Hash, UntilDeleted, Record) "Groups of accounts that keys can be bound to: name, members."
        .with(ACCOUNT_GROUP).unique(&[Unique { column: "name_folded", index: Family::AccountGroupName }]);
    AccountGroupName "account_group_name" "account_group_name:{NAME}" (String, WithRecord, Record) "Id of the group of accounts with this name, in small letters.";
    AuditEntry "audit_entry" "audit_entry:{DAY}" (Hash, AuditRetention, Usage) "The audit log: who changed what through the control plane. A hash of a day on Redis.";
    AuditOrder "audit_entry:order" "audit_entry:order:{DAY}" (SortedSet, AuditRetention, Usage) "Entries of a day of the audit log, in their order. On Redis.";
    AuditDays "audit_entry:days" "audit_entry:days" (SortedSet, AuditRetention, Usage) "Days of which the audit log has entries. On Redis.";
    IdempotencyKey "idempotency_key" "idempotency_key:{HASH}" (Hash, Timed, State) "Requests of the control plane that may be sent again, with their sealed answers.";
    OAuthClient "oauth_client" "oauth_client:{PLATFORM}" (Hash, UntilDeleted, Record) "OAuth clients: how accounts of a platform sign in, by the operator's registration."
        .with(OAUTH_CLIENT);
    OAuthSignIn "oauth_sign_in" "oauth_sign_in:{ACCOUNT}" (Hash, UntilDeleted, State) "Sign-ins of accounts that were begun and not finished, sealed."
        .with(OAUTH_SIGN_IN);
}
