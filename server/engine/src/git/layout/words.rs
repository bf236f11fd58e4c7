//! Which environment a name of a folder, a file or an Application tells: by whole words, never by guessing.

use crate::git::rules::{EnvironmentWords, Rules};

/// Without settings: as `fleet/environment.rs` has them.
const USUAL: [(&str, &[&str]); 3] = [
    ("dev", &["development", "develop"]),
    ("staging", &["stage", "stg"]),
    ("prod", &["production", "prd", "live"]),
];
/// Before a word of an environment these turn its meaning: `non-prod` is not prod.
const TURNING: [&str; 7] = ["non", "not", "no", "pre", "post", "pseudo", "ex"];

/// The names of environments and their aliases, as words.
#[derive(Clone, Debug)]
pub(crate) struct Words {
    /// The lower-case words of a name or an alias, and the environment that they mean.
    spellings: Vec<(Vec<String>, String)>,
}

/// What a name tells.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Named {
    Nothing,
    /// One environment, and what else the name holds.
    One(Stage),
    /// Several environments, by name.
    Several(Vec<String>),
}

/// An environment, and the words of the name before and after it, joined by dashes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Stage {
    pub(crate) environment: String,
    pub(crate) before: String,
    pub(crate) after: String,
}

impl Stage {
    /// What is left of a folder's name: `prod-eu` and `eu-prod` are both of the region `eu`.
    pub(crate) fn region(&self) -> Option<String> {
        let parts = [self.before.as_str(), self.after.as_str()];
        let region = parts.into_iter().filter(|it| !it.is_empty()).collect::<Vec<_>>().join("-");
        (!region.is_empty()).then_some(region)
    }
}

/// Returns the environments in the order of promotions.
pub(in crate::git) fn environments(rules: &Rules) -> Vec<EnvironmentWords> {
    let usual = |(name, aliases): &(&str, &[&str])| EnvironmentWords {
        name: (*name).to_owned(),
        aliases: aliases.iter().map(ToString::to_string).collect(),
    };
    match rules.environments.is_empty() {
        true => USUAL.iter().map(usual).collect(),
        false => rules.environments.clone(),
    }
}

impl Words {
    pub(crate) fn of(rules: &Rules) -> Self {
        let mut spellings = Vec::new();
        for EnvironmentWords { name, aliases } in environments(rules) {
            for spelling in std::iter::once(&name).chain(&aliases) {
                let words: Vec<_> = words_of(spelling).map(str::to_lowercase).collect();
                if !words.is_empty() {
                    spellings.push((words, name.clone()));
                }
            }
        }
        // Of two that match at one place, the longer one is meant: `pre-prod` before `prod`.
        spellings.sort_by_key(|(words, _)| std::cmp::Reverse(words.len()));
        Self { spellings }
    }

    /// Tells the environment that a name holds.
    pub(crate) fn named_in(&self, name: &str) -> Named {
        let words: Vec<_> = words_of(name).collect();
        let mut hits: Vec<(usize, usize, &str)> = Vec::new();
        let mut at = 0;
        while at < words.len() {
            match self.starting(&words[at..]) {
                Some((length, environment)) => {
                    let is_turned = at > 0 && TURNING.iter().any(|it| words[at - 1].eq_ignore_ascii_case(it));
                    if !is_turned {
                        hits.push((at, length, environment));
                    }
                    at += length;
                }
                None => at += 1,
            }
        }
        let mut environments: Vec<_> = hits.iter().map(|(_, _, environment)| *environment).collect();
        environments.sort_unstable();
        environments.dedup();
        match (hits.as_slice(), environments.as_slice()) {
            ([], _) => Named::Nothing,
            ([(at, length, environment), ..], [_]) => Named::One(Stage {
                environment: (*environment).to_owned(),
                before: words[..*at].join("-"),
                after: words[at + length..].join("-"),
            }),
            _ => Named::Several(environments.into_iter().map(str::to_owned).collect()),
        }
    }

    /// Tells the environment of a name that is nothing but its word.
    pub(crate) fn exactly(&self, name: &str) -> Option<&str> {
        let words: Vec<_> = words_of(name).collect();
        let (length, environment) = self.starting(&words)?;
        (length == words.len()).then_some(environment)
    }

    fn starting(&self, words: &[&str]) -> Option<(usize, &str)> {
        let matches = |spelling: &[String]| {
            spelling.len() <= words.len()
                && spelling.iter().zip(words).all(|(it, word)| it.eq_ignore_ascii_case(word))
        };
        let (spelling, environment) = self.spellings.iter().find(|(spelling, _)| matches(spelling))?;
        Some((spelling.len(), environment))
    }
}

fn words_of(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(name: &str) -> Option<(String, Option<String>)> {
        match Words::of(&Rules::default()).named_in(name) {
            Named::One(stage) => Some((stage.environment.clone(), stage.region())),
            _ => None,
        }
    }

    #[test]
    fn a_name_tells_its_environment_and_region_by_whole_words() {
        for (name, environment, region) in [
            ("prod", "prod", None),
            ("Production", "prod", None),
            ("prod-eu", "prod", Some("eu")),
            ("eu-prod", "prod", Some("eu")),
            ("STG_us_east_1", "staging", Some("us-east-1")),
            ("dev.asia", "dev", Some("asia")),
        ] {
            let expected = Some((environment.to_owned(), region.map(str::to_owned)));
            assert_eq!(told(name), expected, "{name}");
        }
        for name in ["product", "deviant", "qa", "", "non-prod", "pre_prod", "développement"] {
            assert_eq!(told(name), None, "{name}");
        }
    }

    #[test]
    fn a_name_with_two_environments_is_no_guess() {
        let named = Words::of(&Rules::default()).named_in("dev-prod");
        assert_eq!(named, Named::Several(vec!["dev".to_owned(), "prod".to_owned()]));
        assert!(matches!(Words::of(&Rules::default()).named_in("prod-production"), Named::One(_)));
    }

    #[test]
    fn the_longest_of_the_words_in_the_settings_is_meant() {
        let environment = |name: &str, alias: &str| EnvironmentWords {
            name: name.to_owned(),
            aliases: vec![alias.to_owned()],
        };
        let environments = vec![environment("live", "prod"), environment("canary", "pre-prod")];
        let words = Words::of(&Rules { environments, ..Rules::default() });
        assert_eq!(words.exactly("pre-prod"), Some("canary"));
        assert_eq!(words.exactly("PROD"), Some("live"));
        assert_eq!(words.exactly("staging"), None, "the settings replace the usual words");
    }
}
