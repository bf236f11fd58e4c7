//! Who is signed in where, and the button that ends a session.

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;
use model::{
    Timestamp,
    access::{SessionList, SessionRow},
};

use super::still_page;
use crate::{
    api::{EndSession, list_sessions},
    routes,
    ui::{
        card::{Card, Table},
        form::SubmitButton,
        notice::ErrorNote,
        settings::{SettingsFrame, WhoseLinks},
        shell::Crumb,
        time::Age,
    },
};

/// The page of one's sessions, or of everybody's.
#[component]
pub(crate) fn SessionsPage() -> impl IntoView {
    let query = use_query_map();
    let of_all = move || query.read().get("of").as_deref() == Some("all");
    let end = ServerAction::<EndSession>::new();
    // What was ended is not listed again.
    let key = move || (of_all(), end.version().get());
    still_page(key, crumbs, |(of_all, _)| list_sessions(of_all), move |list| draw(list, end))
}

fn crumbs() -> Vec<Crumb> {
    vec![Crumb::link("Settings", routes::SESSIONS), Crumb::here("Sessions")]
}

fn draw(list: SessionList, end: ServerAction<EndSession>) -> AnyView {
    let SessionList { now, rows, of_all, may_see_all } = list;
    let count = format!("{} open. They end after 24 h, or 8 h without use", rows.len());
    let error = Signal::derive(move || end.value().get().and_then(Result::err));
    let rows = rows.into_iter().map(|row| view! { <Row row now of_all end/> }).collect_view();
    view! {
        <Title text="Sessions"/>
        <SettingsFrame here=routes::SESSIONS>
            <ErrorNote what="The session was not ended" error/>
            <Card
                id="sessions"
                title=if of_all { "Everybody's sessions" } else { "Your sessions" }
                count
                more=move || view! { <WhoseLinks path=routes::SESSIONS of_all may_see_all/> }
            >
                <Table caption="Open sessions">
                    <thead>
                        <tr>
                            <th scope="col" class="w-full">"Where"</th>
                            <th scope="col" class="hidden sm:table-cell">"Signed in"</th>
                            <th scope="col" class="num">"Last used"</th>
                            <th scope="col" class="num">
                                <span class="sr-only">"Act"</span>
                            </th>
                        </tr>
                    </thead>
                    <tbody>{rows}</tbody>
                </Table>
            </Card>
        </SettingsFrame>
    }
    .into_any()
}

#[component]
fn Row(row: SessionRow, now: Timestamp, of_all: bool, end: ServerAction<EndSession>) -> impl IntoView {
    let address = row.address.unwrap_or_else(|| "an unknown address".into());
    let place = format!("{}, {address}", browser(&row.browser));
    let by = if row.provider.is_empty() { "by password".into() } else { format!("by {}", row.provider) };
    let button = (!row.is_this).then(|| {
        view! {
            <ActionForm action=end>
                <input type="hidden" name="id" value=row.id/>
                <SubmitButton class="btn btn-sm" icon="x" words="End" busy=end.pending()/>
            </ActionForm>
        }
    });
    view! {
        <tr>
            <td>
                {of_all.then(|| view! { <span class="block font-medium">{row.actor}</span> })}
                <span class=if of_all { "text-soft" } else { "font-medium" } title=row.browser>{place}</span>
                {row.is_this.then(|| view! { <span class="badge badge-plain ml-1.5">"this one"</span> })}
            </td>
            <td class="hidden sm:table-cell">
                <span class="whitespace-nowrap text-soft">{by} ", " <Age at=row.created_at now suffix=" ago"/></span>
            </td>
            <td class="num text-mute">
                <Age at=row.last_seen_at now suffix=" ago"/>
            </td>
            <td class="num">{button}</td>
        </tr>
    }
}

/// Returns the browser and the system of a user agent in words; the whole of it where neither is known.
fn browser(agent: &str) -> String {
    const BROWSERS: [(&str, &str); 5] = [
        ("Edg/", "Edge"),
        ("OPR/", "Opera"),
        ("Firefox/", "Firefox"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
    ];
    const SYSTEMS: [(&str, &str); 6] = [
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Android", "Android"),
        ("Windows", "Windows"),
        ("Mac OS", "macOS"),
        ("Linux", "Linux"),
    ];
    let find =
        |known: &[(&str, &'static str)]| known.iter().find(|(mark, _)| agent.contains(mark)).map(|it| it.1);
    match (find(&BROWSERS), find(&SYSTEMS)) {
        (Some(browser), Some(system)) => format!("{browser} on {system}"),
        (Some(browser), None) => browser.to_owned(),
        _ if agent.is_empty() => "Unknown browser".to_owned(),
        _ => agent.chars().take(40).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::browser;

    #[test]
    fn a_browser_is_told_in_words() {
        for (agent, words) in [
            ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
            (
                "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/130.0 Safari/537.36 Edg/130.0",
                "Edge on Windows",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Safari/604.1",
                "Safari on iPhone",
            ),
            ("curl/8.5", "curl/8.5"),
            ("", "Unknown browser"),
        ] {
            assert_eq!(browser(agent), words);
        }
    }
}
