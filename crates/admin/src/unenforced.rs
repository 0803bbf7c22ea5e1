//! Fields that people know from elsewhere and that this version does not enforce: refused by name, never stored and ignored.

use crate::faults::Reason;

/// Limits and bindings of the earlier service and of the specification, without underscores and in lower case.
const UNENFORCED: [&str; 30] = [
    "bindings",
    "claudeaccountid",
    "claudeconsoleaccountid",
    "concurrencylimit",
    "concurrencyqueue",
    "dailycostlimit",
    "dailyquota",
    "group",
    "groupid",
    "geminiaccountid",
    "icon",
    "limits",
    "monthlycostlimit",
    "multipliers",
    "openaiaccountid",
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
    "servicerates",
    "tokenlimit",
    "totalcostlimit",
    "weeklycostlimit",
    "weeklyopuscostlimit",
];

/// Why an unknown field is refused.
pub(crate) fn reason(field: &str) -> Reason {
    // Of an item of a batch the place stands in front: `keys[7].rate_limit`.
    let name = field.rsplit('.').next().unwrap_or_default().replace('_', "").to_ascii_lowercase();
    if UNENFORCED.contains(&name.as_str()) {
        return "is not known to this version, which does not enforce it yet; leave it out".into();
    }
    "is no field of this document; look for its name in /admin/openapi.json, or leave it out".into()
}
