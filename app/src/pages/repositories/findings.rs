//! What is wrong in a repository: each with its place and the mend, worst first.

use leptos::prelude::*;
use model::repository::{Finding, Severity};

use super::counted;
use crate::{
    routes,
    ui::{diff::visible, icon::Icon},
};

/// The severities, worst first.
const ALL: [Severity; 3] = [Severity::Error, Severity::Warning, Severity::Hint];
/// How many findings the engine tells at most.
const MOST: usize = 200;

/// Parses the value of the URL.
pub(super) fn parse(word: &str) -> Option<Severity> {
    ALL.into_iter().find(|severity| key(*severity) == word)
}

fn key(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Hint => "hint",
    }
}

fn plural(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "Errors",
        Severity::Warning => "Warnings",
        Severity::Hint => "Hints",
    }
}

/// The links that show the findings of one severity.
#[component]
pub(super) fn SeverityFilter(severities: Vec<Severity>, chosen: Option<Severity>) -> impl IntoView {
    let link = |words: &'static str, severity: Option<Severity>| {
        let count = severities.iter().filter(|it| severity.is_none_or(|severity| **it == severity)).count();
        let href = routes::repositories(severity.map(key));
        view! {
            <a href=href aria-current=(severity == chosen).then_some("true")>
                {words}
                " "
                <span class="text-micro">{count}</span>
            </a>
        }
    };
    view! {
        <div class="toolbar">
            <span class="seg" role="group" aria-label="Findings by severity">
                {link("All findings", None)}
                {ALL.map(|severity| link(plural(severity), Some(severity))).into_iter().collect_view()}
            </span>
        </div>
    }
}

/// The findings of a repository.
#[component]
pub(super) fn Findings(findings: Vec<Finding>, severity: Option<Severity>) -> impl IntoView {
    let (total, is_capped) = (findings.len(), findings.len() >= MOST);
    let shown: Vec<_> =
        findings.into_iter().filter(|it| severity.is_none_or(|severity| it.severity == severity)).collect();
    let hidden = (total - shown.len()) as u32;
    let rows = shown.into_iter().map(|finding| view! { <Row finding/> }).collect_view();
    (total > 0).then(|| {
        view! {
            <div class="border-t border-line">
                <h3 class="flex items-center gap-2 bg-sunken px-3.5 py-1.5 text-soft">
                    <Icon name="doctor" class="icon-sm"/>
                    {if is_capped {
                        format!("The worst {MOST} findings")
                    } else {
                        counted(total as u32, "finding", "findings")
                    }}
                </h3>
                <ul class="rows border-t border-line">{rows}</ul>
                {(hidden > 0)
                    .then(|| {
                        view! {
                            <p class="border-t border-line px-3.5 py-2 text-small text-mute">
                                {counted(hidden, "finding is", "findings are")} " hidden by the filter. "
                                <a class="link" href=routes::repositories(None)>"Show all"</a>
                            </p>
                        }
                    })}
            </div>
        }
    })
}

#[component]
fn Row(finding: Finding) -> impl IntoView {
    let Finding { severity, check, path, line, what, mend } = finding;
    let (class, icon) = match severity {
        Severity::Error => ("status font-medium text-degraded", "failed"),
        Severity::Warning => ("status font-medium text-drift", "warn"),
        Severity::Hint => ("status font-medium text-mute", "info"),
    };
    let place = match line {
        Some(line) => format!("{}, line {line}", visible(&path)),
        None => visible(&path),
    };
    view! {
        <li class="finding lg:grid-cols-[minmax(0,1fr)_minmax(0,1.1fr)] lg:gap-x-6">
            <div class="min-w-0">
                <p class="flex flex-wrap items-center gap-x-2.5 gap-y-1">
                    <span class=class>
                        <Icon name=icon/>
                        {severity.word()}
                    </span>
                    <code class="text-small text-mute">{check}</code>
                </p>
                <p class="mt-1 font-medium wrap-anywhere">{visible(&what)}</p>
            </div>
            <div>
                <div class="box">
                    <p>
                        <span class="whitespace-nowrap">
                            <Icon name="eye" class="icon-sm"/>
                            " Where"
                        </span>
                        <code class="wrap-anywhere sm:ml-auto">{place}</code>
                    </p>
                    <p class="px-3 py-1.5">
                        <Icon name="check" class="icon-sm mr-1.5 text-mute"/>
                        <span class="text-mute">"Mend: "</span>
                        <span class="wrap-anywhere">{visible(&mend)}</span>
                    </p>
                </div>
            </div>
        </li>
    }
}
