//! Differences of text: unified, with line numbers, and the changed words marked.

mod unified;

use leptos::prelude::*;

pub(crate) use self::unified::visible;
use self::unified::{Line, LineKind, Part, counts, lines};
use super::icon::Icon;

/// From how many lines on the rest is folded.
const FOLDED_FROM: usize = 400;
/// How many lines are drawn at most.
const MOST_LINES: usize = 4000;

/// How many lines a patch adds and removes, as `+4 −1`.
pub(crate) fn balance<'a>(patches: impl IntoIterator<Item = &'a str>) -> String {
    let (added, removed) = patches.into_iter().fold((0, 0), |(added, removed), patch| {
        let (plus, minus) = counts(&lines(patch));
        (added + plus, removed + minus)
    });
    format!("+{added} −{removed}")
}

/// A difference that is folded under its name.
#[component]
pub(crate) fn FoldedDiff(
    /// What it is of, for those who do not see it, e.g. "Source difference of apps/web-app/kustomization.yaml".
    label: String,
    patch: String,
    open: bool,
    /// Its head.
    children: Children,
) -> impl IntoView {
    view! {
        <details class="group/file border-t border-line first-of-type:border-t-0" open=open>
            <summary class="file">
                <Icon name="right" class="icon-sm group-open/file:rotate-90"/>
                {children()}
            </summary>
            <Diff label patch/>
        </details>
    }
}

/// A difference.
#[component]
pub(crate) fn Diff(label: String, patch: String) -> impl IntoView {
    let mut shown = lines(&patch);
    let left_out = shown.len().saturating_sub(MOST_LINES);
    shown.truncate(MOST_LINES);
    let folded = if shown.len() > FOLDED_FROM { shown.split_off(FOLDED_FROM) } else { Vec::new() };
    let is_empty = shown.is_empty();
    let rest = (!folded.is_empty()).then(|| {
        let label = format!("{label}, the rest");
        view! {
            <details>
                <summary class="px-3.5 py-1.5 text-small text-accent">{format!("Show {} more lines", folded.len())}</summary>
                <Lines label lines=folded/>
            </details>
        }
    });
    view! {
        {if is_empty {
            view! { <p class="px-3.5 py-2 text-small text-mute">"No line differs."</p> }.into_any()
        } else {
            view! { <Lines label lines=shown/> }.into_any()
        }}
        {rest}
        {(left_out > 0)
            .then(|| {
                view! {
                    <p class="px-3.5 py-1.5 text-small text-mute">
                        {format!("{left_out} more lines are not drawn.")}
                    </p>
                }
            })}
    }
}

#[component]
fn Lines(label: String, lines: Vec<Line>) -> impl IntoView {
    let rows = lines.into_iter().map(|line| view! { <Row line/> }).collect_view();
    view! {
        <div class="diff" tabindex="0" role="region" aria-label=label.clone()>
            <table>
                <caption>{label.clone()}</caption>
                <tbody>{rows}</tbody>
            </table>
        </div>
    }
}

#[component]
fn Row(line: Line) -> impl IntoView {
    let Line { kind, before, after, parts } = line;
    let (class, sign) = match kind {
        LineKind::Hunk => ("hunk", ""),
        LineKind::Kept => ("", " "),
        LineKind::Added => ("add", "+"),
        LineKind::Removed => ("del", "−"),
        LineKind::Note => ("text-mute", ""),
    };
    let parts = parts.into_iter().map(|part| marked(kind, part)).collect_view();
    view! {
        <tr class=class>
            <td class="ln">{before}</td>
            <td class="ln">{after}</td>
            <td class="sg">{sign}</td>
            <td>{parts}</td>
        </tr>
    }
}

fn marked(kind: LineKind, Part { text, changed }: Part) -> AnyView {
    match (kind, changed) {
        (LineKind::Added, true) => view! { <ins>{text}</ins> }.into_any(),
        (LineKind::Removed, true) => view! { <del>{text}</del> }.into_any(),
        _ => text.into_any(),
    }
}
