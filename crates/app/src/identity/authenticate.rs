//! Recognise an actor by its credential. One function for every door.

use std::{future::ready, sync::Arc};

use domain::{
    access::{Actor, Credential, PermissionSet, Scope, SystemRole},
    identity::{Role, Session, User},
    ids::{ApiKeyId, SessionId, TenantId, UserId},
    store::Priority,
    tenancy::Tenant,
};
use uuid::Uuid;

use super::{Identity, RequestContext, actor_cache::Checked, api_key_format, keys::hash_of, session::session_scope};
use crate::{App, Error, ErrorKind, Result, audit::Act, unit_of_work::Uow};

impl Identity {
    /// Recognises the bearer of an access token or an API key, with its rights of this moment (a
    /// second old at most).
    ///
    /// # Errors
    /// `unauthenticated`, whatever is wrong with the credential.
    pub async fn authenticate(&self, bearer: &str, context: &RequestContext) -> Result<Actor> {
        let mut actor = if bearer.starts_with(api_key_format::PREFIX) {
            self.app.by_api_key(bearer).await?
        } else {
            self.app.by_access_token(bearer, context).await?
        };
        actor.ip_address = context.ip_address;
        actor.user_agent.clone_from(&context.user_agent);
        Ok(actor)
    }

    /// The same actor with its rights of this moment, while something that it was given goes on. An access token that
    /// has run out meanwhile does not matter: its session counts.
    ///
    /// # Errors
    /// `unauthenticated` when the credential was revoked or has run out, or the user may not sign in any more.
    pub async fn look_again(&self, actor: &Actor) -> Result<Actor> {
        let app = &self.app;
        let checked = Checked::Again(actor.credential, actor.tenant_id);
        if let Some(now) = app.parts.actors.get(&checked) {
            return Ok(now);
        }
        let mut now = match (actor.credential, actor.tenant_id) {
            (Credential::ApiKey(key), Some(tenant_id)) => app.bearer_of_key(tenant_id, key).await?,
            (Credential::ApiKey(_), None) => return Err(Error::unauthenticated()),
            // The program that embeds us vouches for its users.
            (Credential::Embedded, _) => return Ok(actor.clone()),
            (Credential::Session(session), _) => {
                let tenant_id = actor.tenant_id.filter(|_| !actor.is_superadmin);
                app.holder_of_session(tenant_id, session, |found| found.user_id == actor.user_id).await?
            }
        };
        if actor.is_superadmin {
            now.tenant_id = actor.tenant_id;
        }
        app.parts.actors.keep(checked, now.clone());
        Ok(now)
    }
}

impl App {
    async fn by_api_key(&self, key: &str) -> Result<Actor> {
        if !api_key_format::is_well_formed(key) {
            return Err(Error::unauthenticated());
        }
        let hash = hash_of(key);
        let checked = Checked::ApiKey(hash.clone());
        if let Some(actor) = self.parts.actors.get(&checked) {
            return Ok(actor);
        }
        let find = async |tx: &Uow| Ok(tx.sign_in().api_key(&hash).await?);
        let owner = self.query_in(&Scope::sign_in(), find).await?.ok_or_else(Error::unauthenticated)?;
        let tenant_id = owner.tenant_id.ok_or_else(Error::unauthenticated)?;
        let actor = self.bearer_of_key(tenant_id, owner.id).await?;
        self.parts.actors.keep(checked, actor.clone());
        if self.parts.actors.note_use(owner.id) {
            self.note_use(tenant_id, owner.id);
        }
        Ok(actor)
    }

    /// Whoever holds this key, with the rights that it and its owner have now.
    async fn bearer_of_key(&self, tenant_id: TenantId, id: ApiKeyId) -> Result<Actor> {
        let read = async |tx: &Uow| {
            let key = tx.api_keys().get(id).await?.filter(|key| key.is_live(self.now()));
            let key = key.ok_or_else(Error::unauthenticated)?;
            let (user, roles) = living_user(tx, key.user_id).await?.ok_or_else(Error::unauthenticated)?;
            Ok((key, user, roles))
        };
        let (key, user, roles) = self.query_in(&Scope::system_in(tenant_id), read).await?;
        let mut actor = actor_of(&user, &roles, Credential::ApiKey(key.id));
        if let Some(scopes) = &key.scopes {
            actor.permissions.retain(|permission| scopes.contains(permission));
        }
        Ok(actor)
    }

    /// Whoever holds this session, if it is the one that is meant.
    async fn holder_of_session(
        &self,
        tenant_id: Option<TenantId>,
        id: SessionId,
        is_meant: impl Fn(&Session) -> bool + Send + Sync,
    ) -> Result<Actor> {
        let read = async |tx: &Uow| {
            let session = tx.sessions().get(id).await?.filter(|found| is_meant(found) && found.is_live(self.now()));
            let session = session.ok_or_else(Error::unauthenticated)?;
            living_user(tx, session.user_id).await?.ok_or_else(Error::unauthenticated)
        };
        let (user, roles) = self.query_in(&session_scope(tenant_id), read).await?;
        Ok(actor_of(&user, &roles, Credential::Session(id)))
    }

    async fn by_access_token(&self, token: &str, context: &RequestContext) -> Result<Actor> {
        let claims = self.claims_of(token)?;
        let entered = match (&context.enter_tenant, claims.tid) {
            (Some(tenant), None) => Some(self.tenant_named(tenant).await?.id),
            _ => None,
        };
        let checked = Checked::Session { session: (claims.sid, claims.ver), user: (claims.sub, claims.tid), entered };
        if let Some(actor) = self.parts.actors.get(&checked) {
            return Ok(actor);
        }
        let named =
            |found: &Session| (found.version, found.user_id, found.tenant_id) == (claims.ver, claims.sub, claims.tid);
        let mut actor = self.holder_of_session(claims.tid, claims.sid, named).await?;
        if let Some(entered) = entered {
            actor.tenant_id = Some(entered);
            let by = Arc::new(actor.clone());
            let enter = |_| ready(Ok(((), Act::on("tenant_entered", "tenant", entered.0))));
            self.change_in(&Scope::system_in(entered), Some(&by), enter).await?;
        }
        self.parts.actors.keep(checked, actor.clone());
        Ok(actor)
    }

    /// The tenant of a slug or id.
    async fn tenant_named(&self, name: &str) -> Result<Tenant> {
        let find = async |tx: &Uow| {
            Ok(match Uuid::try_parse(name) {
                Ok(id) => tx.tenants().get(id.into()).await?,
                Err(_) => tx.tenants().find_by_slug(name).await?,
            })
        };
        let tenant = self.query_in(&Scope::system("a superadmin enters a tenant"), find).await?;
        tenant.ok_or_else(|| Error::new(ErrorKind::NotFound, "no_such_tenant", "there is no tenant of this name"))
    }

    /// Notes the use of a key, off the request's path.
    fn note_use(&self, tenant_id: TenantId, key: ApiKeyId) {
        let app = self.at(Priority::Background);
        self.parts.tasks.spawn(async move {
            let note = |tx: Uow| async move { Ok(tx.api_keys().record_use(key, tx.now()).await?) };
            let noted = app.unaudited(&Scope::system_in(tenant_id), "the use of a key is noted", note).await;
            if let Err(error) = noted {
                tracing::warn!(error = ?error, "the use of an API key could not be noted");
            }
        });
    }
}

/// The user, if it is active, with its roles.
pub(super) async fn living_user(tx: &Uow, id: UserId) -> Result<Option<(User, Vec<Role>)>> {
    let Some(user) = tx.users().get(id).await?.filter(|user| user.is_active) else { return Ok(None) };
    let roles = if user.tenant_id.is_some() { tx.roles().of_user(user.id).await? } else { Vec::new() };
    Ok(Some((user, roles)))
}

pub(super) fn actor_of(user: &User, roles: &[Role], credential: Credential) -> Actor {
    let is_superadmin = user.tenant_id.is_none();
    let permissions: PermissionSet = if is_superadmin {
        SystemRole::Superadmin.permissions()
    } else {
        roles.iter().flat_map(Role::rights).collect()
    };
    let admin = SystemRole::TenantAdmin.as_str();
    Actor {
        user_id: user.id,
        tenant_id: user.tenant_id,
        is_superadmin,
        is_tenant_admin: roles.iter().any(|role| role.is_system && role.name == admin),
        permissions,
        credential,
        ip_address: None,
        user_agent: None,
    }
}
