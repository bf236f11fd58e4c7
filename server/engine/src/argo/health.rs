//! The health of a live resource, by Argo CD's built-in rules, for Applications that do not carry it.
//!
//! Source: gitops-engine `pkg/health/health*.go`. Kinds that only a script of Argo CD knows are not judged here; such
//! a resource has no health rather than a wrong one.

use model::status::Health;
use serde_json::Value;

/// A judged kind, and where its API server serves it.
pub struct Judged {
    pub group: &'static str,
    pub kind: &'static str,
    pub version: &'static str,
    pub plural: &'static str,
    rule: fn(&Value) -> Verdict,
}

/// A health, and why it is not better; empty for a healthy one.
pub type Verdict = (Health, String);

/// Every kind that is judged.
pub const JUDGED: &[Judged] = &[
    Judged { group: "apps", kind: "Deployment", version: "v1", plural: "deployments", rule: deployment },
    Judged { group: "apps", kind: "ReplicaSet", version: "v1", plural: "replicasets", rule: replica_set },
    Judged { group: "apps", kind: "StatefulSet", version: "v1", plural: "statefulsets", rule: stateful_set },
    Judged { group: "apps", kind: "DaemonSet", version: "v1", plural: "daemonsets", rule: daemon_set },
    Judged { group: "", kind: "Pod", version: "v1", plural: "pods", rule: pod },
    Judged { group: "", kind: "Service", version: "v1", plural: "services", rule: service },
    Judged {
        group: "",
        kind: "PersistentVolumeClaim",
        version: "v1",
        plural: "persistentvolumeclaims",
        rule: claim,
    },
    Judged { group: "batch", kind: "Job", version: "v1", plural: "jobs", rule: job },
    Judged { group: "networking.k8s.io", kind: "Ingress", version: "v1", plural: "ingresses", rule: ingress },
    Judged {
        group: "autoscaling",
        kind: "HorizontalPodAutoscaler",
        version: "v2",
        plural: "horizontalpodautoscalers",
        rule: autoscaler,
    },
    Judged {
        group: "apiregistration.k8s.io",
        kind: "APIService",
        version: "v1",
        plural: "apiservices",
        rule: api_service,
    },
];

/// Finds the rule of a kind.
pub fn judged(group: &str, kind: &str) -> Option<&'static Judged> {
    JUDGED.iter().find(|judged| judged.group == group && judged.kind == kind)
}

impl Judged {
    /// Judges a live object.
    pub fn assess(&self, object: &Value) -> Verdict {
        if !object["metadata"]["deletionTimestamp"].is_null() {
            return (Health::Progressing, "pending deletion".into());
        }
        (self.rule)(object)
    }
}

const HEALTHY: Verdict = (Health::Healthy, String::new());

fn progressing(why: impl Into<String>) -> Verdict {
    (Health::Progressing, why.into())
}

fn degraded(why: impl Into<String>) -> Verdict {
    (Health::Degraded, why.into())
}

fn number(value: &Value) -> i64 {
    value.as_i64().unwrap_or(0)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn condition<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    list(&object["status"]["conditions"]).iter().find(|condition| condition["type"] == kind)
}

fn is_behind(object: &Value) -> bool {
    number(&object["status"]["observedGeneration"]) < number(&object["metadata"]["generation"])
}

fn deployment(object: &Value) -> Verdict {
    let (spec, status) = (&object["spec"], &object["status"]);
    if spec["paused"] == true {
        return (Health::Suspended, "it is paused".into());
    }
    if is_behind(object) {
        return progressing("the rollout is not observed yet");
    }
    if let Some(late) =
        condition(object, "Progressing").filter(|it| it["reason"] == "ProgressDeadlineExceeded")
    {
        return degraded(format!("past its progress deadline: {}", text(&late["message"])));
    }
    let wanted = spec["replicas"].as_i64().unwrap_or(1);
    let (updated, all) = (number(&status["updatedReplicas"]), number(&status["replicas"]));
    let available = number(&status["availableReplicas"]);
    if updated < wanted {
        progressing(format!("{updated} of {wanted} replicas are updated"))
    } else if all > updated {
        progressing(format!("{} old replicas are left", all - updated))
    } else if available < updated {
        progressing(format!("{available} of {updated} updated replicas are available"))
    } else {
        HEALTHY
    }
}

fn replica_set(object: &Value) -> Verdict {
    if let Some(failure) = condition(object, "ReplicaFailure").filter(|it| it["status"] == "True") {
        return degraded(text(&failure["message"]));
    }
    if is_behind(object) {
        return progressing("the change is not observed yet");
    }
    let wanted = spec_replicas(object);
    let available = number(&object["status"]["availableReplicas"]);
    if available < wanted {
        progressing(format!("{available} of {wanted} replicas are available"))
    } else {
        HEALTHY
    }
}

fn spec_replicas(object: &Value) -> i64 {
    object["spec"]["replicas"].as_i64().unwrap_or(1)
}

fn stateful_set(object: &Value) -> Verdict {
    let (spec, status) = (&object["spec"], &object["status"]);
    if number(&status["observedGeneration"]) == 0 || is_behind(object) {
        return progressing("the rollout is not observed yet");
    }
    let (wanted, ready) = (spec_replicas(object), number(&status["readyReplicas"]));
    if ready < wanted {
        return progressing(format!("{ready} of {wanted} replicas are ready"));
    }
    let strategy = &spec["updateStrategy"];
    if let Some(partition) =
        strategy["rollingUpdate"]["partition"].as_i64().filter(|_| strategy["type"] == "RollingUpdate")
    {
        let updated = number(&status["updatedReplicas"]);
        if partition > 0 {
            let wanted = wanted - partition;
            return if updated < wanted {
                progressing(format!("the partitioned rollout has updated {updated} of {wanted} replicas"))
            } else {
                HEALTHY
            };
        }
    }
    if strategy["type"] == "OnDelete" || status["updateRevision"] == status["currentRevision"] {
        return HEALTHY;
    }
    progressing(format!("{} replicas are updated", number(&status["updatedReplicas"])))
}

fn daemon_set(object: &Value) -> Verdict {
    if is_behind(object) {
        return progressing("the rollout is not observed yet");
    }
    if object["spec"]["updateStrategy"]["type"] == "OnDelete" {
        return HEALTHY;
    }
    let status = &object["status"];
    let wanted = number(&status["desiredNumberScheduled"]);
    let (updated, available) =
        (number(&status["updatedNumberScheduled"]), number(&status["numberAvailable"]));
    if updated < wanted {
        progressing(format!("{updated} of {wanted} pods are updated"))
    } else if available < wanted {
        progressing(format!("{available} of {wanted} pods are available"))
    } else {
        HEALTHY
    }
}

fn pod(object: &Value) -> Verdict {
    let status = &object["status"];
    let restarts_always = object["spec"]["restartPolicy"].as_str().unwrap_or("Always") == "Always";
    let containers =
        || list(&status["initContainerStatuses"]).iter().chain(list(&status["containerStatuses"]));
    if restarts_always {
        let waiting = containers().map(|it| &it["state"]["waiting"]).find(|waiting| {
            let reason = text(&waiting["reason"]);
            reason.starts_with("Err") || reason.ends_with("Error") || reason.ends_with("BackOff")
        });
        if let Some(waiting) = waiting {
            return degraded(reason_and_message(waiting));
        }
    }
    match text(&status["phase"]) {
        "Pending" => progressing(condition(object, "PodScheduled").map_or("", |it| text(&it["message"]))),
        "Succeeded" => HEALTHY,
        "Failed" => degraded(pod_failure(status)),
        "Running" if !restarts_always => progressing("it runs"),
        "Running" => {
            let ready = condition(object, "Ready").is_some_and(|it| it["status"] == "True");
            let ended = containers().find(|it| !it["lastState"]["terminated"].is_null());
            match ended {
                _ if ready => HEALTHY,
                Some(container) => {
                    degraded(format!("container {} restarted and is not ready", text(&container["name"])))
                }
                None => progressing("not ready yet"),
            }
        }
        other => (Health::Unknown, format!("phase {other}")),
    }
}

fn pod_failure(status: &Value) -> String {
    if let Some(message) = status["message"].as_str() {
        return message.to_owned();
    }
    let ended = list(&status["containerStatuses"])
        .iter()
        .map(|it| &it["state"]["terminated"])
        .find(|it| !it.is_null());
    ended.map_or_else(
        || "it failed".into(),
        |it| format!("exit code {}: {}", number(&it["exitCode"]), text(&it["reason"])),
    )
}

fn reason_and_message(state: &Value) -> String {
    match (text(&state["reason"]), text(&state["message"])) {
        (reason, "") => reason.to_owned(),
        (reason, message) => format!("{reason}: {message}"),
    }
}

fn service(object: &Value) -> Verdict {
    let is_waiting = object["spec"]["type"] == "LoadBalancer"
        && list(&object["status"]["loadBalancer"]["ingress"]).is_empty();
    if is_waiting { progressing("it waits for an address of the load balancer") } else { HEALTHY }
}

fn ingress(object: &Value) -> Verdict {
    if list(&object["status"]["loadBalancer"]["ingress"]).is_empty() {
        progressing("it waits for an address of the load balancer")
    } else {
        HEALTHY
    }
}

fn claim(object: &Value) -> Verdict {
    match text(&object["status"]["phase"]) {
        "Bound" => HEALTHY,
        "Pending" => progressing("it is not bound yet"),
        "Lost" => degraded("its volume is lost"),
        other => (Health::Unknown, format!("phase {other}")),
    }
}

fn job(object: &Value) -> Verdict {
    let is = |kind: &str| condition(object, kind).filter(|it| it["status"] == "True");
    if let Some(failed) = is("Failed") {
        degraded(text(&failed["message"]))
    } else if is("Suspended").is_some() {
        (Health::Suspended, "it is suspended".into())
    } else if is("Complete").is_some() {
        HEALTHY
    } else {
        progressing("it runs")
    }
}

fn autoscaler(object: &Value) -> Verdict {
    const BROKEN: &[(&str, &[&str])] = &[
        ("AbleToScale", &["FailedGetScale", "FailedUpdateScale"]),
        (
            "ScalingActive",
            &[
                "FailedGetResourceMetric",
                "FailedGetContainerResourceMetric",
                "FailedGetPodsMetric",
                "FailedGetObjectMetric",
                "FailedGetExternalMetric",
                "InvalidMetricSourceType",
                "InvalidSelector",
            ],
        ),
    ];
    for (kind, reasons) in BROKEN {
        if let Some(it) = condition(object, kind).filter(|it| reasons.contains(&text(&it["reason"]))) {
            return degraded(text(&it["message"]));
        }
    }
    let is_settled = ["AbleToScale", "ScalingLimited"]
        .iter()
        .any(|kind| condition(object, kind).is_some_and(|it| it["status"] == "True"));
    if is_settled { HEALTHY } else { progressing("it waits for its first metrics") }
}

fn api_service(object: &Value) -> Verdict {
    match condition(object, "Available") {
        Some(it) if it["status"] == "True" => HEALTHY,
        Some(it) => progressing(text(&it["message"])),
        None => progressing("it waits to be served"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn assess(group: &str, kind: &str, object: Value) -> (Health, String) {
        judged(group, kind).expect("a judged kind").assess(&object)
    }

    #[test]
    fn a_deployment_is_judged_by_its_rollout() {
        let base =
            |status: Value| json!({"metadata": {"generation": 2}, "spec": {"replicas": 3}, "status": status});
        let judge = |status| assess("apps", "Deployment", base(status)).0;
        assert_eq!(judge(json!({"observedGeneration": 1})), Health::Progressing);
        assert_eq!(
            judge(
                json!({"observedGeneration": 2, "replicas": 3, "updatedReplicas": 3, "availableReplicas": 3})
            ),
            Health::Healthy
        );
        assert_eq!(
            judge(
                json!({"observedGeneration": 2, "replicas": 4, "updatedReplicas": 3, "availableReplicas": 3})
            ),
            Health::Progressing
        );
        let late = judge(json!({"observedGeneration": 2, "conditions": [
            {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "m"}]}));
        assert_eq!(late, Health::Degraded);
        assert_eq!(assess("apps", "Deployment", json!({"spec": {"paused": true}})).0, Health::Suspended);
    }

    #[test]
    fn a_crash_loop_is_degraded_though_its_phase_is_running() {
        let (health, why) = assess(
            "",
            "Pod",
            json!({"spec": {"restartPolicy": "Always"}, "status": {"phase": "Running", "containerStatuses": [
                {"name": "web", "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 40s"}}}]}}),
        );
        assert_eq!((health, why.as_str()), (Health::Degraded, "CrashLoopBackOff: back-off 40s"));
    }

    #[test]
    fn a_job_is_judged_by_its_conditions() {
        let judge =
            |conditions: Value| assess("batch", "Job", json!({"status": {"conditions": conditions}})).0;
        assert_eq!(judge(json!([])), Health::Progressing);
        assert_eq!(judge(json!([{"type": "Complete", "status": "True"}])), Health::Healthy);
        assert_eq!(
            judge(json!([{"type": "Failed", "status": "True", "message": "backoff"}])),
            Health::Degraded
        );
    }

    #[test]
    fn odd_objects_do_not_panic() {
        for judged in JUDGED {
            for object in
                [json!(null), json!({}), json!([]), json!({"status": "x", "spec": 3, "metadata": []})]
            {
                let _verdict = judged.assess(&object);
            }
        }
    }

    #[test]
    fn a_resource_being_deleted_is_progressing() {
        let object = json!({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}});
        assert_eq!(assess("", "Service", object).0, Health::Progressing);
    }
}
