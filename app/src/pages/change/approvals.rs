//! What people decided about a change, and the form to decide.

use leptos::prelude::*;
use model::{
    Timestamp,
    change::{Approval, ChangeDetail, May, Verdict},
    status::Environment,
};

use super::acts::Acts;
use crate::{
    pages::{Shelf, plan::hash_words},
    routes,
    ui::{
        card::Card,
        confirm::{Asked, Filled, NoEnter, TypedEnvironmentField},
        diff::visible,
        form::SubmitButton,
        icon::Icon,
        rows::row_key,
        time::Age,
    },
};

/// The decisions, where any are asked or made.
#[component]
pub(super) fn Approvals(shelf: Shelf<ChangeDetail>, acts: Acts) -> impl IntoView {
    let approvals = shelf.part(|it| it.approvals.clone());
    let is_telling = shelf.part(|it| it.quorum > 0 || !it.approvals.is_empty() || it.decide.is_some());
    let is_empty = Memo::new(move |_| approvals.read().is_empty());
    let count = Signal::derive(move || {
        let given = approvals
            .with(|all| all.iter().filter(|it| it.void.is_none() && it.verdict == Verdict::Approve).count());
        shelf.data.with(|it| format!("{given} of {} given", it.quorum))
    });
    let subject = shelf.part(|it| Subject {
        change: it.row.id,
        plan: it.plan.clone(),
        environment: it.row.environment.clone(),
    });
    // A form is drawn again only where what it asks is another thing: what was typed stays.
    let decide = shelf.part(|it| it.decide.clone());
    let may_take_back = shelf.part(|it| it.row.state.is_before_commit());
    let now = shelf.now;
    move || {
        is_telling.get().then(|| {
            view! {
                <div id="approvals" class="min-w-0 scroll-mt-16">
                    <Card id="approvals-head" title="Approvals" count>
                        {move || {
                            is_empty
                                .get()
                                .then(|| view! { <p class="card-body text-mute">"Nobody decided yet."</p> })
                        }}
                        <ul class="rows">
                            <For each=move || approvals.get() key=|it| row_key(&it.at, it) let:approval>
                                {said(approval, subject.get_untracked(), may_take_back, acts, now)}
                            </For>
                        </ul>
                        {move || decide.get().map(|may| view! { <Decide may subject=subject.get() acts/> })}
                    </Card>
                </div>
            }
        })
    }
}

/// What is decided about.
#[derive(Clone, PartialEq)]
struct Subject {
    change: u64,
    plan: String,
    environment: Environment,
}

#[component]
fn SubjectFields(subject: Subject) -> impl IntoView {
    view! {
        <input type="hidden" name="change" value=subject.change/>
        <input type="hidden" name="plan" value=subject.plan/>
    }
}

fn said(
    approval: Approval,
    subject: Subject,
    may_take_back: Memo<bool>,
    acts: Acts,
    now: Signal<Timestamp>,
) -> impl IntoView {
    let Approval { who, verdict, comment, at, expires_at, void, is_own } = approval;
    let counts = void.is_none();
    let (icon, class, word) = match verdict {
        Verdict::Approve if counts => ("check", "mt-0.5 text-healthy", "approved"),
        Verdict::Approve => ("check", "mt-0.5 text-mute", "approved"),
        Verdict::Decline => ("stop", "mt-0.5 text-degraded", "declined"),
        Verdict::TakeBack => ("x", "mt-0.5 text-mute", "took the approval back"),
    };
    let comment = (!comment.is_empty()).then(|| {
        view! {
            <p class="text-small wrap-anywhere text-soft">
                "“" <bdi>{visible(&comment)}</bdi> "”"
            </p>
        }
    });
    let left = match void {
        Some(void) => view! { <p class="text-small wrap-anywhere text-mute">{format!("Does not count: {}", visible(&void))}</p> }
            .into_any(),
        None if verdict == Verdict::Approve => view! {
            <p class="text-small text-mute" class:hidden=move || !may_take_back.get()>
                "Counts until " <time datetime=expires_at.iso()>{crate::ui::time::stamp(expires_at)}</time>
            </p>
        }
        .into_any(),
        None => ().into_any(),
    };
    let is_taken_back = is_own && counts && verdict == Verdict::Approve;
    let take_back = move || {
        let subject = subject.clone();
        (is_taken_back && may_take_back.get()).then(|| {
            view! {
                <ActionForm action=acts.decide>
                    <SubjectFields subject/>
                    <SubmitButton
                        class="btn btn-sm"
                        icon="x"
                        words="Take your approval back"
                        busy=acts.decide.pending()
                        name="verdict"
                        value="take_back"
                    />
                </ActionForm>
            }
        })
    };
    view! {
        <li class="flex items-start gap-2 px-3.5 py-2">
            <Icon name=icon class/>
            <div class="min-w-0 flex-1">
                <p class="flex flex-wrap items-baseline gap-x-1.5">
                    <bdi class="font-medium wrap-anywhere">{visible(&who)}</bdi>
                    <span class="text-mute">{word}</span>
                    <span class="ml-auto text-small text-mute">
                        <Age at now suffix=" ago"/>
                    </span>
                </p>
                {comment}
                {left}
                {take_back}
            </div>
        </li>
    }
}

/// The form to decide, or why one may not.
#[component]
fn Decide(may: May, subject: Subject, acts: Acts) -> impl IntoView {
    match may {
        May::No { why } => view! {
            <p class="flex items-start gap-2 border-t border-line px-3.5 py-2 text-small text-mute">
                <Icon name="stop" class="mt-px"/>
                <span class="min-w-0 wrap-anywhere">{format!("You cannot decide: {}", visible(&why))}</span>
            </p>
        }
        .into_any(),
        May::Yes => view! { <DecideForm subject acts/> }.into_any(),
    }
}

#[component]
fn DecideForm(subject: Subject, acts: Acts) -> impl IntoView {
    let environment = subject.environment.name().unwrap_or_default().to_owned();
    let protected = subject.environment.is_protected();
    let typed_environment = protected.then(|| environment.clone());
    let asked = Asked { typed_environment: typed_environment.clone(), ..Asked::default() };
    let filled = Filled::new();
    let busy = acts.decide.pending();
    let disabled = Signal::derive(move || filled.missing(&asked).is_some());
    let approve = if protected { "btn btn-prod" } else { "btn btn-primary" };
    let (href, hash) = (routes::plan(&subject.plan), hash_words(&subject.plan, 3));
    view! {
        <div class="border-t border-line">
            {protected.then(|| view! { <div class="prod-edge"></div> })}
            <ActionForm action=acts.decide attr:class="grid gap-3 px-3.5 py-3.5">
                <NoEnter/>
                <div>
                    <h3 class="text-lead">"Your decision"</h3>
                    <p class="text-small text-soft">
                        "Read " <a class="link" href=href>{format!("plan {hash}")}</a>
                        " first: your approval is for it alone. What is declined ends."
                    </p>
                </div>
                <SubjectFields subject/>
                <div class="field">
                    <label for="comment">"Comment, for the record" <span class="font-normal text-mute">", needed to decline"</span></label>
                    <textarea id="comment" class="input" name="comment" rows="2" maxlength="500"></textarea>
                </div>
                {typed_environment
                    .map(|environment| view! { <TypedEnvironmentField environment purpose="to approve" filled/> })}
                <p class="btn-row">
                    <SubmitButton
                        class=approve
                        icon="check"
                        words=format!("Approve change to {environment}")
                        busy
                        disabled
                        name="verdict"
                        value="approve"
                    />
                    <SubmitButton
                        class="btn btn-danger"
                        icon="stop"
                        words="Decline the change"
                        busy
                        name="verdict"
                        value="decline"
                    />
                </p>
            </ActionForm>
        </div>
    }
}
