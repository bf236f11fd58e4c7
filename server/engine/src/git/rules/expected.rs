//! What is expected to differ between environments (R4): it stays where it is, and is folded away.

use super::glob::matches;

/// Fields by kinds of files, and why they differ. The first that matches tells.
///
/// Fields are written as plans write them, `**` crosses dots. Patches inside of a kustomization are texts, and one field
/// each: what they change is not known, so they are not listed here.
const KUSTOMIZATION: [(&str, &str); 13] = [
    ("namespace", "each environment has its namespace"),
    ("namePrefix", "each environment has its names"),
    ("nameSuffix", "each environment has its names"),
    ("commonLabels.**", "labels tell the environment"),
    ("commonAnnotations.**", "annotations tell the environment"),
    ("labels[*].**", "labels tell the environment"),
    ("replicas[*].**", "replicas are the environment's"),
    ("components[*]", "components are chosen for each environment"),
    ("configMapGenerator[*].literals[*]", "flags are the environment's"),
    ("configMapGenerator[*].envs[*]", "flags are the environment's"),
    ("secretGenerator[*].**", "secrets are the environment's"),
    ("helmCharts[*].namespace", "each environment has its namespace"),
    ("helmCharts[*].valuesFile", "values are the environment's"),
];

/// Of manifests, patches and Helm values alike.
const ANYWHERE: [(&str, &str); 44] = [
    ("metadata.namespace", "each environment has its namespace"),
    ("**.namespace", "each environment has its namespace"),
    ("metadata.labels.**", "labels tell the environment"),
    ("**.replicas", "replicas are the environment's"),
    ("**.replicaCount", "replicas are the environment's"),
    ("**.minReplicas", "the bounds of scaling are the environment's"),
    ("**.maxReplicas", "the bounds of scaling are the environment's"),
    ("**.minAvailable", "the bounds of disruption are the environment's"),
    ("**.maxUnavailable", "the bounds of disruption are the environment's"),
    ("**.resources.limits.**", "resources are the environment's"),
    ("**.resources.requests.**", "resources are the environment's"),
    ("**.nodeSelector.**", "where it runs is the environment's"),
    ("**.affinity.**", "where it runs is the environment's"),
    ("**.tolerations[*].**", "where it runs is the environment's"),
    ("**.topologySpreadConstraints[*].**", "where it runs is the environment's"),
    ("**.nodeName", "where it runs is the environment's"),
    ("**.host", "hosts are the environment's"),
    ("**.hosts[*]", "hosts are the environment's"),
    ("**.hosts[*].host", "hosts are the environment's"),
    ("**.hosts[*].name", "hosts are the environment's"),
    ("**.hostname", "hosts are the environment's"),
    ("**.hostnames[*]", "hosts are the environment's"),
    ("**.dnsNames[*]", "hosts are the environment's"),
    ("**.domain", "hosts are the environment's"),
    ("**.url", "addresses are the environment's"),
    ("**.secretName", "secrets are the environment's"),
    ("**.existingSecret", "secrets are the environment's"),
    ("**.secretKeyRef.**", "secrets are the environment's"),
    ("**.secretRef.name", "secrets are the environment's"),
    ("**.imagePullSecrets[*].name", "secrets are the environment's"),
    ("**.imagePullSecrets[*]", "secrets are the environment's"),
    ("stringData.**", "secrets are the environment's"),
    ("**.serviceAccountName", "identities are the environment's"),
    ("**.annotations.\"eks.amazonaws.com/role-arn\"", "identities are the environment's"),
    ("**.annotations.\"iam.gke.io/gcp-service-account\"", "identities are the environment's"),
    ("**.annotations.\"azure.workload.identity/**", "identities are the environment's"),
    ("**.annotations.\"vault.hashicorp.com/role\"", "identities are the environment's"),
    ("**.storageClassName", "storage is the environment's"),
    ("**.storageClass", "storage is the environment's"),
    ("**.storage", "storage is the environment's"),
    ("**.persistence.**", "storage is the environment's"),
    ("**.env[*].value", "flags are the environment's"),
    ("**.environment", "it names the environment"),
    ("**.env", "it names the environment"),
];

/// What keys of flags and values end with where they hold addresses, without case.
const ADDRESSES: [&str; 8] = ["url", "uri", "host", "hostname", "endpoint", "domain", "dsn", "address"];

/// Returns why a field is expected to differ, if it is.
pub(super) fn built_in(file: &str, field: &str) -> Option<&'static str> {
    let is_kustomization = crate::git::layout::KUSTOMIZATIONS.iter().any(|it| file.ends_with(it));
    let table: &[(&str, &str)] = if is_kustomization { &KUSTOMIZATION } else { &ANYWHERE };
    let listed = table.iter().find(|(pattern, _)| matches(pattern, field, b'.')).map(|(_, why)| *why);
    listed.or_else(|| (!is_kustomization && is_address(field)).then_some("addresses are the environment's"))
}

/// `data.DATABASE_URL`, `config.apiEndpoint`
fn is_address(field: &str) -> bool {
    let key = field.rsplit('.').next().unwrap_or(field);
    let is_word = |word: &&&str| {
        let Some(start) = key.len().checked_sub(word.len()) else { return false };
        let Some(end) = key.get(start..) else { return false };
        let before = key[..start].chars().last();
        // A word of its own, or one of `camelCase`.
        let begins = before.is_none_or(|c| !c.is_alphanumeric())
            || before.is_some_and(char::is_lowercase) && end.starts_with(char::is_uppercase);
        begins && end.eq_ignore_ascii_case(word)
    };
    ADDRESSES.iter().any(|word| is_word(&word))
}
