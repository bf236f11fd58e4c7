//! What would be written to the repository, file by file.

use leptos::prelude::*;
use model::plan::FileChange;

use super::counted;
use crate::ui::{
    copy::CopyButton,
    diff::{FoldedDiff, balance, visible},
    icon::Icon,
};

/// The difference of the files, the first one open, and the whole patch.
#[component]
pub(in crate::pages) fn SourceDifference(files: Vec<FileChange>) -> impl IntoView {
    (!files.is_empty()).then(|| {
        let count = format!(
            "{}, {}",
            counted(files.len() as u32, "file", "files"),
            balance(files.iter().map(|file| file.patch.as_str()))
        );
        let patch: String = files.iter().map(|file| file.patch.as_str()).collect();
        let folds = files
            .into_iter()
            .enumerate()
            .map(|(place, FileChange { path, patch })| {
                let (label, balance) = (format!("Source difference of {path}"), balance([patch.as_str()]));
                view! {
                    <FoldedDiff label patch open=place == 0>
                        <bdi class="min-w-0 wrap-anywhere">{visible(&path)}</bdi>
                        <span class="ml-auto text-mute">{balance}</span>
                    </FoldedDiff>
                }
            })
            .collect_view();
        view! {
            <section class="card overflow-hidden" aria-labelledby="source">
                <div class="card-head">
                    <h2 id="source">"Source difference"</h2>
                    <span class="count">{count}</span>
                </div>
                {folds}
                <RawPatch patch/>
            </section>
        }
    })
}

/// The patch as `git apply` takes it.
#[component]
fn RawPatch(patch: String) -> impl IntoView {
    view! {
        <details class="group/raw border-t border-line">
            <summary class="flex items-center gap-2 px-3.5 py-1.5 text-small text-mute hover:text-ink">
                <Icon name="right" class="icon-sm group-open/raw:rotate-90"/>
                "Raw patch"
            </summary>
            <div class="border-t border-line">
                <p class="flex items-center gap-2 px-3.5 py-1 text-small text-mute">
                    "For " <code>"git apply"</code> <CopyButton text=patch.clone() label="Copy the patch"/>
                </p>
                <pre
                    class="overflow-x-auto bg-sunken px-3.5 py-2 font-mono text-small"
                    tabindex="0"
                    role="region"
                    aria-label="Raw patch"
                >
                    {patch}
                </pre>
            </div>
        </details>
    }
}
