//! API tokens: for programs, with a part of what one may do oneself.

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;
use model::{
    Timestamp,
    access::{CreatedToken, TokenList, TokenRow},
};

use super::still_page;
use crate::{
    api::{CreateToken, RevokeToken, list_tokens},
    routes,
    ui::{
        card::{Card, Table},
        empty::Empty,
        form::SubmitButton,
        icon::Icon,
        notice::ErrorNote,
        settings::{SettingsFrame, WhoseLinks},
        shell::Crumb,
        time::{Age, stamp},
    },
};

/// The page of one's API tokens, or of everybody's.
#[component]
pub(crate) fn TokensPage() -> impl IntoView {
    let query = use_query_map();
    let of_all = move || query.read().get("of").as_deref() == Some("all");
    let (create, revoke) = (ServerAction::<CreateToken>::new(), ServerAction::<RevokeToken>::new());
    let key = move || (of_all(), create.version().get(), revoke.version().get());
    still_page(key, crumbs, |(of_all, ..)| list_tokens(of_all), move |list| draw(list, create, revoke))
}

fn crumbs() -> Vec<Crumb> {
    vec![Crumb::link("Settings", routes::SESSIONS), Crumb::here("API tokens")]
}

fn draw(list: TokenList, create: ServerAction<CreateToken>, revoke: ServerAction<RevokeToken>) -> AnyView {
    let TokenList { now, rows, of_all, may_see_all, cannot_create } = list;
    let count = format!("{}, for scripts and CI. Each can do less than you, never more", rows.len());
    let made = move || create.value().get().and_then(Result::ok).map(|made| view! { <Made made/> });
    let not_made = Signal::derive(move || create.value().get().and_then(Result::err));
    let not_revoked = Signal::derive(move || revoke.value().get().and_then(Result::err));
    let is_empty = rows.is_empty();
    let rows = rows.into_iter().map(|row| view! { <Row row now of_all revoke/> }).collect_view();
    view! {
        <Title text="API tokens"/>
        <SettingsFrame here=routes::TOKENS>
            <ErrorNote what="The token was not made" error=not_made/>
            <ErrorNote what="The token was not revoked" error=not_revoked/>
            <Card
                id="tokens"
                title=if of_all { "Everybody's API tokens" } else { "Your API tokens" }
                count
                more=move || view! { <WhoseLinks path=routes::TOKENS of_all may_see_all/> }
            >
                {made}
                {if is_empty {
                    view! { <Empty icon="key" title="No API token yet" why="A token lets a program use /api/v1 in your name."/> }
                        .into_any()
                } else {
                    view! {
                        <Table caption="API tokens">
                            <thead>
                                <tr>
                                    <th scope="col" class="lead">"Name"</th>
                                    <th scope="col" class="hidden md:table-cell w-full">"May"</th>
                                    <th scope="col" class="hidden sm:table-cell">"Last used"</th>
                                    <th scope="col" class="num">"Ends"</th>
                                    <th scope="col" class="num">
                                        <span class="sr-only">"Act"</span>
                                    </th>
                                </tr>
                            </thead>
                            <tbody>{rows}</tbody>
                        </Table>
                    }
                        .into_any()
                }}
                {match cannot_create {
                    Some(why) => {
                        view! { <p class="border-t border-line px-3.5 py-3 text-small text-mute">{why}</p> }.into_any()
                    }
                    None => view! { <CreateForm create/> }.into_any(),
                }}
            </Card>
        </SettingsFrame>
    }
    .into_any()
}

/// The new token, this once.
#[component]
fn Made(made: CreatedToken) -> impl IntoView {
    let CreatedToken { row, token } = made;
    view! {
        <div class="note m-3.5 text-healthy" role="status">
            <Icon name="key"/>
            <div class="w-full">
                <p class="font-semibold">
                    "Token " {row.name} " is made. Copy it now: it is not shown again."
                </p>
                <code class="mt-2 block rounded-md border border-line bg-sunken px-2.5 py-1 wrap-anywhere">{token}</code>
                <p class="mt-1.5 text-small text-soft">
                    "Only its hash is kept. Send it as " <code>"Authorization: Bearer …"</code> " to "
                    <code>"/api/v1"</code> "."
                </p>
            </div>
        </div>
    }
}

#[component]
fn Row(row: TokenRow, now: Timestamp, of_all: bool, revoke: ServerAction<RevokeToken>) -> impl IntoView {
    let is_over = row.revoked_at.is_some() || row.expires_at <= now;
    let end = match row.revoked_at {
        Some(_) => "revoked".to_owned(),
        None if is_over => "ended".to_owned(),
        None => format!("in {}", now.age(row.expires_at)),
    };
    let used = match row.last_used_at {
        Some(at) => {
            let from = row.last_address.map(|address| format!(" from {address}")).unwrap_or_default();
            view! {
                <Age at now suffix=" ago"/>
                {from}
            }
            .into_any()
        }
        None => "never".into_any(),
    };
    let button = (!is_over).then(|| {
        view! {
            <ActionForm action=revoke>
                <input type="hidden" name="id" value=row.id/>
                <SubmitButton class="btn btn-sm" icon="x" words="Revoke" busy=revoke.pending()/>
            </ActionForm>
        }
    });
    view! {
        <tr>
            <td class="lead">
                <span class="font-medium whitespace-nowrap">{row.name}</span>
                {of_all.then(|| view! { <span class="block text-small text-mute">{row.owner}</span> })}
            </td>
            <td class="hidden md:table-cell">
                {row
                    .scopes
                    .into_iter()
                    .map(|scope| view! { <span class="block font-mono text-small text-soft">{scope}</span> })
                    .collect_view()}
            </td>
            <td class="hidden whitespace-nowrap text-mute sm:table-cell">{used}</td>
            <td class="num text-mute" title=stamp(row.expires_at)>{end}</td>
            <td class="num">{button}</td>
        </tr>
    }
}

#[component]
fn CreateForm(create: ServerAction<CreateToken>) -> impl IntoView {
    // The secret is in the answer to this very form: without a script, nobody would read it.
    let is_alive = RwSignal::new(false);
    Effect::new(move |_| is_alive.set(true));
    view! {
        <ActionForm action=create attr:class="grid items-end gap-3 border-t border-line px-3.5 py-3 md:grid-cols-[1fr_1.6fr_8rem_auto]">
            <div class="field self-start">
                <label for="token-name">"Name"</label>
                <input type="text" id="token-name" class="input" name="name" maxlength="80" placeholder="what it is for" required/>
            </div>
            <div class="field">
                <label for="token-scope">"May: resource, action, object; one a line"</label>
                <textarea id="token-scope" class="input h-20 py-1.5 font-mono" name="scope" spellcheck="false" required>
                    "applications, get, *"
                </textarea>
            </div>
            <div class="field self-start">
                <label for="token-days">"Ends in"</label>
                <select id="token-days" class="input" name="days">
                    <option value="90">"90 days"</option>
                    <option value="30">"30 days"</option>
                    <option value="7">"7 days"</option>
                    <option value="365">"365 days"</option>
                </select>
            </div>
            <SubmitButton
                class="btn"
                icon="plus"
                words="Create the token"
                busy=create.pending()
                disabled=Signal::derive(move || !is_alive.get())
            />
            <p class="text-small text-mute md:col-span-4">
                "The object of an Application is its environment, project and app: " <code>"applications, sync, dev/shop/*"</code>
                ". A token never approves, and makes no tokens. "
                <noscript>"Making one needs JavaScript, for it is shown once and on this page alone."</noscript>
            </p>
        </ActionForm>
    }
}
