//! What an API token was made for: a part of what its owner may.

use super::policy::Glob;

/// One line of a token's scope: `<resource>, <action>, <object>`, each a glob whose `*` spans slashes; the object is
/// written as in our own policy, e.g. `applications, sync, dev/shop/*`.
#[derive(Debug)]
pub struct Scope {
    resource: Glob,
    action: Glob,
    object: Glob,
}

impl Scope {
    /// Reads a line.
    ///
    /// # Errors
    /// What is wrong with it, in one sentence.
    pub fn parse(line: &str) -> Result<Self, String> {
        let parts: Vec<_> = line.split(',').map(str::trim).collect();
        let [resource, action, object] = parts.as_slice() else {
            return Err(format!("`{line}` is not of the form resource, action, object"));
        };
        let glob = |text: &str| {
            Glob::new(text)
                .filter(|_| !text.is_empty())
                .ok_or_else(|| format!("`{text}` in `{line}` is no pattern"))
        };
        Ok(Self { resource: glob(resource)?, action: glob(action)?, object: glob(object)? })
    }

    /// Returns whether the line is about this.
    pub fn covers(&self, resource: &str, action: &str, object: &str) -> bool {
        self.resource.matches(resource) && self.action.matches(action) && self.object.matches(object)
    }
}

#[cfg(test)]
mod tests {
    use super::Scope;

    #[test]
    fn a_scope_covers_what_its_three_globs_match() {
        let scope = Scope::parse("applications, *, dev/*").expect("a scope");
        assert!(scope.covers("applications", "sync", "dev/shop/web"));
        assert!(!scope.covers("applications", "sync", "prod/shop/web"));
        assert!(!scope.covers("clusters", "get", "dev/x"));
    }

    #[test]
    fn what_is_no_scope_is_named() {
        for line in [
            "",
            "applications",
            "applications, get",
            "a, b, c, d",
            "applications, get, [",
            "applications,, *",
        ] {
            assert!(Scope::parse(line).is_err(), "{line}");
        }
    }
}
