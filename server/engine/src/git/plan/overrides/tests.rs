use serde_json::json;

use super::*;

fn moved() -> Moved {
    Moved { images: vec!["ghcr.io/shop/web".to_owned()], fields: vec!["image.tag".to_owned()] }
}

fn said(source: &Json) -> String {
    useless_override(&moved(), source).join("\n")
}

#[test]
fn an_image_that_the_application_sets_is_named() {
    for set in
        ["ghcr.io/shop/web:1.2", "ghcr.io/shop/web=mirror.test:5000/web:1.2", "ghcr.io/shop/web@sha256:ab"]
    {
        let text = said(&json!({"kustomize": {"images": [set]}}));
        assert!(text.contains("kustomize.images") && text.contains(set), "{set}: {text}");
    }
    for other in ["ghcr.io/shop/web2:1.2", "ghcr.io:443/shop/web", "mirror.test=ghcr.io/shop/web:1"] {
        assert_eq!(said(&json!({"kustomize": {"images": [other]}})), "", "{other}");
    }
}

#[test]
fn helm_values_of_the_same_path_are_named_wherever_they_stand() {
    let set = [
        json!({"helm": {"parameters": [{"name": "image.tag", "value": "1"}]}}),
        json!({"helm": {"parameters": [{"name": "image", "value": "x"}]}}),
        json!({"helm": {"fileParameters": [{"name": "image.tag", "path": "tag"}]}}),
        json!({"helm": {"valuesObject": {"image": {"tag": "1"}}}}),
        json!({"helm": {"values": "image:\n  tag: 1\n"}}),
    ];
    for source in set {
        assert!(said(&source).contains("image.tag"), "{source}");
    }
    let other = json!({
        "helm": {"parameters": [{"name": "image.tagged"}], "valuesObject": {"image": {}}, "values": "image: {pull: x}"}
    });
    assert_eq!(said(&other), "");
}

#[test]
fn a_plugin_and_odd_shapes_are_no_trouble() {
    assert!(said(&json!({"plugin": {"name": "cue"}})).contains("cue makes the manifests"));
    assert_eq!(
        said(&json!({"kustomize": 3, "helm": {"parameters": {}, "values": "a: ["}, "plugin": null})),
        ""
    );
}
