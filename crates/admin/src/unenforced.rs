//! Fields that people know from elsewhere and that this version does not enforce: refused by name, never stored and ignored.

use crate::faults::Reason;

/// Limits of the earlier service and of the specification, without underscores and in lower case.
const UNENFORCED: [&str; 20] = [
    "concurrencylimit",
    "concurrencyqueue",
    "dailycostlimit",
    "dailyquota",
    "limits",
    "monthlycostlimit",
    "proxy",
    "queuesize",
    "queuetimeout",
    "quota",
    "quotaresettime",
    "ratelimit",
    "ratelimitcost",
    "ratelimitrequests",
    "ratelimittokens",
    "ratelimitwindow",
    "tokenlimit",
    "totalcostlimit",
    "weeklycostlimit",
    "weeklyopuscostlimit",
];

/// Fields of the earlier service that are called otherwise here, and how.
const RENAMED: [(&str, &str); 10] = [
    ("azureopenaiaccountid", "bindings"),
    ("bedrockaccountid", "bindings"),
    ("claudeaccountid", "bindings"),
    ("claudeconsoleaccountid", "bindings"),
    ("droidaccountid", "bindings"),
    ("geminiaccountid", "bindings"),
    ("groupid", "bindings"),
    ("multipliers", "rate_multipliers"),
    ("openaiaccountid", "bindings"),
    ("servicerates", "rate_multipliers"),
];

/// Why an unknown field is refused.
pub(crate) fn reason(field: &str) -> Reason {
    // Of an item of a batch the place stands in front: `keys[7].rate_limit`.
    let name = field.rsplit('.').next().unwrap_or_default().replace('_', "").to_ascii_lowercase();
    if UNENFORCED.contains(&name.as_str()) {
        return "is not known to this version, which does not enforce it yet; leave it out".into();
    }
    if let Some((_, here)) = RENAMED.iter().find(|(earlier, _)| *earlier == name) {
        return format!("is no field here; an API key has `{here}` for it").into();
    }
    "is no field of this document; look for its name in /admin/openapi.json, or leave it out".into()
}
