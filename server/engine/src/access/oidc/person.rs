//! Who a provider says somebody is: names and groups, read with suspicion.

use openidconnect::{AdditionalClaims, UserInfoClaims, core::CoreGenderClaim};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{IdClaims, ProviderSetting};

const MOST_GROUPS: usize = 1000;
const LONGEST: usize = 256;
/// In Argo CD's policy these begin the names of roles, and Kubernetes' own groups: a provider must not hand them out.
const RESERVED: [&str; 3] = ["role:", "proj:", "system:"];

/// A person, as policies and the record know them.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Person {
    pub provider: String,
    /// What policies call the person: `federated_claims.user_id` where there is one, else `sub`, as in Argo CD.
    pub subject: String,
    pub name: String,
    pub groups: Vec<String>,
}

/// What is wrong with what a provider says of somebody.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum PersonError {
    /// The claim with the groups, and why it cannot be.
    #[error("the claim {claim} is not a list of groups: {why}")]
    Groups { claim: String, why: String },
    #[error("the provider's name for the person cannot be: {0}")]
    Subject(String),
}

impl PersonError {
    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::Groups { .. } => "groups",
            Self::Subject(_) => "subject",
        }
    }
}

/// All claims that the crate does not know.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Claims(Map<String, Value>);

impl AdditionalClaims for Claims {}

pub(super) type UserInfo = UserInfoClaims<Claims, CoreGenderClaim>;

impl Claims {
    /// `nbf` in seconds (RFC 7519, 4.1.5).
    pub(super) fn not_before(&self) -> Option<i64> {
        self.0.get("nbf").and_then(Value::as_f64).map(|seconds| seconds as i64)
    }
}

impl Person {
    pub(super) fn read(
        setting: &ProviderSetting,
        claims: &IdClaims,
        userinfo: Option<&UserInfo>,
    ) -> Result<Self, PersonError> {
        let own = &claims.additional_claims().0;
        let federated = own.get("federated_claims").and_then(|it| it.get("user_id")).and_then(Value::as_str);
        let subject = federated.unwrap_or(claims.subject().as_str());
        check_subject(subject)?;
        // An address that the provider has not proven could be anybody's.
        let email = claims.email().filter(|_| claims.email_verified() != Some(false)).map(|it| it.as_str());
        let username = claims.preferred_username().map(|it| it.as_str());
        let name = [email, username].into_iter().flatten().find(|name| is_plain(name)).unwrap_or(subject);
        let source = userinfo.map_or(own, |userinfo| &userinfo.additional_claims().0);
        let groups = groups(source.get(&setting.groups_claim), &setting.groups_claim)?;
        let with_prefix = |text: &str| format!("{}{text}", setting.prefix);
        Ok(Self {
            provider: setting.id.clone(),
            subject: with_prefix(subject),
            name: name.to_owned(),
            groups: groups.into_iter().map(with_prefix).collect(),
        })
    }
}

fn check_subject(subject: &str) -> Result<(), PersonError> {
    let wrong = |why: &str| Err(PersonError::Subject(why.to_owned()));
    match subject {
        "" => wrong("it is empty"),
        "admin" => wrong("admin is the local administrator"),
        _ if !is_plain(subject) => wrong("it is too long, or has control characters"),
        _ if is_reserved(subject) => wrong("it begins as the name of a role does"),
        _ => Ok(()),
    }
}

/// An absent claim, `null` and an empty list are no groups; anything else but a list of names is refused, for whoever
/// writes odd claims may mean more than we read.
fn groups<'a>(claim: Option<&'a Value>, name: &str) -> Result<Vec<&'a str>, PersonError> {
    let wrong = |why: String| PersonError::Groups { claim: name.to_owned(), why };
    let list = match claim {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Array(list)) => list,
        Some(other) => return Err(wrong(format!("it is {}", kind(other)))),
    };
    if list.len() > MOST_GROUPS {
        return Err(wrong(format!("it has more than {MOST_GROUPS} of them")));
    }
    let group = |value: &'a Value| match value {
        Value::String(group) if group.trim().is_empty() => Err(wrong("one of them is empty".into())),
        Value::String(group) if !is_plain(group) => {
            Err(wrong("one of them is too long, or has control characters".into()))
        }
        Value::String(group) if is_reserved(group) => {
            Err(wrong(format!("{group} begins as the name of a role or of a group of Kubernetes does")))
        }
        Value::String(group) => Ok(group.as_str()),
        other => Err(wrong(format!("one of them is {}", kind(other)))),
    };
    list.iter().map(group).collect()
}

fn is_plain(text: &str) -> bool {
    text.len() <= LONGEST && !text.is_empty() && !text.chars().any(char::is_control)
}

fn is_reserved(text: &str) -> bool {
    RESERVED.iter().any(|prefix| text.starts_with(prefix))
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn groups_are_a_list_of_names_or_nothing() {
        assert_eq!(groups(None, "groups"), Ok(vec![]));
        for (claim, expected) in [
            (json!(null), vec![]),
            (json!([]), vec![]),
            (json!(["ops", "Shop Team"]), vec!["ops", "Shop Team"]),
        ] {
            assert_eq!(groups(Some(&claim), "groups"), Ok(expected), "{claim}");
        }
        for claim in [
            json!("ops"),
            json!(""),
            json!(7),
            json!(true),
            json!({"ops": true}),
            json!([""]),
            json!(["  "]),
            json!(["ops", 7]),
            json!([["ops"]]),
            json!(["a\nb"]),
            json!(["system:masters"]),
            json!(["role:admin"]),
            json!(["proj:shop:admin"]),
            json!(vec!["x"; MOST_GROUPS + 1]),
            json!(["x".repeat(LONGEST + 1)]),
        ] {
            assert!(groups(Some(&claim), "groups").is_err(), "{claim}");
        }
    }

    #[test]
    fn a_subject_is_nobody_elses_name() {
        assert_eq!(check_subject("u-alice"), Ok(()));
        for subject in ["", "admin", "role:admin", "proj:a:b", "system:masters", "a\u{7}b"] {
            assert!(check_subject(subject).is_err(), "{subject:?}");
        }
    }
}
