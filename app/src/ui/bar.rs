//! Figures as bars. Widths are attributes of SVG: the policy allows no inline styles.

use leptos::prelude::*;
use model::{cluster::Usage, status::Health};

/// What is in use of what can be allocated, as a bar and in per cent; "not known" where it is not.
#[component]
pub(crate) fn UsageBar(label: &'static str, usage: Option<Usage>) -> impl IntoView {
    let Some(usage) = usage else {
        return view! { <span class="text-mute">"not known"</span> }.into_any();
    };
    let percent = usage.percent();
    let number = match percent {
        90.. => "w-9 shrink-0 text-right text-small font-medium text-degraded",
        _ => "w-9 shrink-0 text-right text-small",
    };
    view! {
        <span class="flex min-w-20 items-center gap-2">
            <svg
                class="bar"
                viewBox="0 0 100 6"
                preserveAspectRatio="none"
                role="img"
                aria-label=format!("{label} {percent} %")
            >
                <rect class=alarm(percent) width=percent.min(100) height="6"></rect>
            </svg>
            <span class=number>{format!("{percent} %")}</span>
        </span>
    }
    .into_any()
}

/// The share of each health among all Applications; what is not live counts as not known.
#[component]
pub(crate) fn HealthStack(counts: Vec<(Health, u32)>, stale: u32) -> impl IntoView {
    let total: u32 = counts.iter().map(|(_, count)| count).sum::<u32>() + stale;
    let words: Vec<String> = counts
        .iter()
        .filter(|(_, count)| *count > 0)
        .map(|(health, count)| format!("{count} {}", health.word().to_lowercase()))
        .chain((stale > 0).then(|| format!("{stale} stale")))
        .collect();
    let mut from = 0;
    let shares = counts
        .into_iter()
        .map(|(health, count)| (fill(health), count))
        .chain([("f-none", stale)])
        .map(|(class, width)| {
            let x = from;
            from += width;
            view! { <rect class=class x=x width=width height="8"></rect> }
        })
        .collect_view();
    view! {
        <svg
            class="stack"
            viewBox=format!("0 0 {} 8", total.max(1))
            preserveAspectRatio="none"
            role="img"
            aria-label=format!("Health of {total} Applications: {}", words.join(", "))
        >
            {shares}
        </svg>
    }
}

fn fill(health: Health) -> &'static str {
    match health {
        Health::Healthy => "f-healthy",
        Health::Suspended => "f-suspended",
        Health::Progressing => "f-progressing",
        Health::Missing => "f-missing",
        Health::Degraded => "f-degraded",
        Health::Unknown => "f-unknown",
    }
}

fn alarm(percent: u32) -> &'static str {
    match percent {
        90.. => "bad",
        75.. => "warn",
        _ => "",
    }
}
