//! Who is signed in, with which tokens programs come, and who may do what.

use serde::{Deserialize, Serialize};

use crate::{AppError, Timestamp};

/// The longest that a token may live, in days.
pub const LONGEST_TOKEN_DAYS: u32 = 365;

/// How one may sign in. Everybody may know it.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SignInOptions {
    /// The identity providers, in the order of the settings.
    pub providers: Vec<ProviderLink>,
    /// Whether the local administrator may sign in by password.
    pub local_admin: bool,
    /// A sentence of the operator's, for those who sign in.
    pub notice: String,
}

/// An identity provider on the sign-in page.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ProviderLink {
    pub id: String,
    pub name: String,
}

/// The sessions that live.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SessionList {
    pub now: Timestamp,
    /// Newest first, at most 200.
    pub rows: Vec<SessionRow>,
    /// Whether these are everybody's.
    pub of_all: bool,
    /// Whether the actor may see everybody's.
    pub may_see_all: bool,
}

/// A session that lives.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SessionRow {
    pub id: String,
    pub actor: String,
    /// The provider's id; empty for the local administrator.
    pub provider: String,
    pub address: Option<String>,
    /// What the browser calls itself.
    pub browser: String,
    /// Whether it is the one that asks.
    pub is_this: bool,
    pub created_at: Timestamp,
    pub last_seen_at: Timestamp,
    pub expires_at: Timestamp,
}

/// API tokens.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TokenList {
    pub now: Timestamp,
    /// Newest first, at most 200; those that ended within 30 days are among them.
    pub rows: Vec<TokenRow>,
    pub of_all: bool,
    pub may_see_all: bool,
    /// Why the actor cannot make one, where they cannot.
    pub cannot_create: Option<String>,
}

/// An API token, without its secret.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TokenRow {
    pub id: String,
    pub name: String,
    pub owner: String,
    pub scopes: Vec<String>,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    pub last_used_at: Option<Timestamp>,
    pub last_address: Option<String>,
    pub revoked_at: Option<Timestamp>,
}

/// Asks for a new API token.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CreateToken {
    pub name: String,
    /// Lines of `<resource>, <action>, <object>`.
    pub scopes: Vec<String>,
    /// From 1 to [`LONGEST_TOKEN_DAYS`].
    pub days: u32,
}

/// A new API token, shown this once.
#[derive(Clone, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CreatedToken {
    pub row: TokenRow,
    /// The secret.
    pub token: String,
}

impl std::fmt::Debug for CreatedToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CreatedToken").field("row", &self.row).finish_non_exhaustive()
    }
}

/// Asks who may do something.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema, utoipa::IntoParams))]
#[serde(default)]
pub struct AskPermission {
    /// Empty for the first one.
    pub control_plane: String,
    /// E.g. `applications`; empty asks nothing.
    pub resource: String,
    pub action: String,
    /// As Argo CD's policy names it, e.g. `shop/web-app-prod`, or as ours does for what is ours.
    pub object: String,
    /// The user or group to ask for; empty for the actor.
    pub subject: String,
}

/// What the Permissions page shows.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Permissions {
    pub now: Timestamp,
    pub actor: String,
    pub subject: String,
    pub groups: Vec<String>,
    pub roles: Vec<String>,
    /// Whether the actor stands above all policies, as the local administrator does.
    pub is_above_policies: bool,
    pub control_planes: Vec<String>,
    /// In the order of promotions.
    pub environments: Vec<String>,
    pub can: Vec<Capability>,
    pub answer: Option<PermissionAnswer>,
    /// Why what was asked is not answered, where it is not.
    pub unanswered: Option<AppError>,
    /// What is wrong with the policies; none where the actor may not read them.
    pub problems: Option<Vec<PolicyProblem>>,
}

/// What the actor can do with Applications, in each environment.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Capability {
    /// E.g. `Sync`.
    pub act: String,
    /// E.g. `applications, sync`.
    pub right: String,
    /// For each environment: on how many of its Applications, of how many that the actor may see.
    pub in_environments: Vec<(u32, u32)>,
}

/// Who may do what was asked, and why.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PermissionAnswer {
    pub asked: AskPermission,
    pub allowed: bool,
    /// One step for each policy that was asked.
    pub trace: Vec<TraceStep>,
    /// Users and groups that may.
    pub holders: Vec<String>,
}

/// What one policy said.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TraceStep {
    /// E.g. `argocd-rbac-cm`.
    pub policy: String,
    /// What it was asked, e.g. `applications, sync, shop/web-app-prod`.
    pub question: String,
    pub allowed: bool,
    /// The line that decided, with its place; empty where none says anything.
    pub line: String,
    /// For whom the line was reached.
    pub subject: String,
}

/// A line that does not do what it seems to do.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PolicyProblem {
    pub control_plane: String,
    /// The ConfigMap or project.
    pub policy: String,
    /// The line with its place.
    pub line: String,
    /// What is wrong with it.
    pub why: String,
    /// What to write instead.
    pub mend: String,
}
