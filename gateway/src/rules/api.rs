//! Handlers of `/v1/rules`.

use http::StatusCode;
use serde_json::value::{RawValue, to_raw_value};

use super::Rules;
use super::draft::Draft;
use super::model::{Rule, StoredRule, destination_of};
use super::plan::Plan;
use super::store;
use crate::audit::{Begun, Changes, Target, Work};
use crate::base::caller::WorkspaceId;
use crate::base::clock::Millis;
use crate::base::id::{ConnectionId, RuleId};
use crate::base::page;
use crate::connections::use_store::{self, User};
use crate::db;
use crate::delivery::engine::breaker::HealthState;
use crate::feed::{self, ChangeKind};
use crate::http::call::Call;
use crate::http::fields::Faults;
use crate::http::json::{self, Node};
use crate::http::problem::{Code, Problem};
use crate::http::reply::Reply;
use crate::webhooks::model::UNORDERED;

/// The fault of a connection that is not there.
const NO_CONNECTION: &str = "is no connection of this workspace";

/// `POST /v1/rules`.
pub async fn create_rule(rules: Rules, mut call: Call) -> Result<Reply, Problem> {
    let body = call.body.read_json().await?;
    let names = rules.types.names(call.caller.workspace);
    let mut draft = Draft::read(body, false, &names);
    let mut faults = std::mem::take(&mut draft.faults);
    let plan = match (&draft.action, &draft.input) {
        (Some(action), Some(input)) => {
            let connection = draft.connection.flatten();
            rules.compile(call.caller.workspace, action, connection, input, &mut faults)
        }
        _ => None,
    };
    faults.into_result()?;
    // Names are resolved before the transaction: none is held open across the network.
    rules.check_targets(plan.as_ref()).await?;
    let mut client = rules.db.client().await?;
    let work = match Work::begin(&mut client, &call).await? {
        Begun::Fresh(work) => work,
        Begun::Repeated(reply) => return Ok(reply),
    };
    call.query.finish()?;
    let now = Millis::now();
    let mut stored = StoredRule {
        workspace: work.workspace(),
        shown: Rule {
            id: RuleId::generate(),
            name: String::new(),
            events: Vec::new(),
            filter: None,
            action: String::new(),
            connection_id: None,
            input: RawValue::NULL.to_owned(),
            ordering: UNORDERED.to_owned(),
            unsure: None,
            emit_result: false,
            max_attempts: None,
            timeout_seconds: None,
            rate_limit_per_second: None,
            enabled: true,
            health: HealthState::Healthy.name().to_owned(),
            disabled_reason: None,
            revision: 1,
            created_at: now,
            updated_at: now,
        },
        health: HealthState::Healthy,
    };
    apply(&mut stored.shown, draft, &mut Changes::default())?;
    let id = stored.shown.id;
    use_connection(&work, &stored.shown).await?;
    store::insert(work.transaction(), &stored).await?;
    work.audit("rule.created", &target_of(&stored.shown), &Changes::default())
        .await?;
    work.changed(ChangeKind::Rule, id.uuid()).await?;
    let workspace = work.workspace();
    let reply = work.commit(StatusCode::CREATED, &stored.shown).await?;
    rules.hold_at_once(&client, workspace, id).await;
    Ok(reply)
}

/// `GET /v1/rules`.
pub async fn list_rules(rules: Rules, mut call: Call) -> Result<Reply, Problem> {
    let list = format!("rules {:?}", call.caller.workspace);
    let page = call.query.page(page::DEFAULT_LIMIT, list);
    call.query.finish()?;
    let client = rules.db.client().await?;
    let found = store::list(&client, call.caller.workspace, &page).await?;
    let shown: Vec<Rule> = found.into_iter().map(|stored| stored.shown).collect();
    Reply::ok(&page.listing(shown, |rule| rule.id.to_string()))
}

/// `GET /v1/rules/{id}`.
pub async fn get_rule(rules: Rules, call: Call) -> Result<Reply, Problem> {
    let id: RuleId = call.id()?;
    let client = rules.db.client().await?;
    let found = store::find(&client, call.caller.workspace, id).await?;
    let found = found.ok_or_else(Problem::not_found)?;
    call.query.finish()?;
    Reply::ok(&found.shown)
}

/// `PATCH /v1/rules/{id}`.
pub async fn update_rule(rules: Rules, mut call: Call) -> Result<Reply, Problem> {
    let body = call.body.read_json().await?;
    let id: RuleId = call.id()?;
    let workspace = call.caller.workspace;
    let mut client = rules.db.client().await?;
    let found = store::find(&client, workspace, id).await?;
    let found = found.ok_or_else(Problem::not_found)?.shown;
    let names = rules.types.names(workspace);
    let mut draft = Draft::read(body, true, &names);
    let mut faults = std::mem::take(&mut draft.faults);
    let acts_otherwise = draft.action.is_some() || draft.input.is_some() || draft.connection.is_some();
    if acts_otherwise && faults.is_empty() {
        let action = draft.action.as_ref().unwrap_or(&found.action);
        let input = match draft.input.clone() {
            Some(input) => input,
            None => stored_input(&found)?,
        };
        let connection = draft.connection.unwrap_or(found.connection_id);
        let plan = rules.compile(workspace, action, connection, &input, &mut faults);
        rules.check_targets(plan.as_ref()).await?;
    }
    faults.into_result()?;
    let work = match Work::begin(&mut client, &call).await? {
        Begun::Fresh(work) => work,
        Begun::Repeated(reply) => return Ok(reply),
    };
    let mut stored = lock(&work, id).await?;
    call.query.finish()?;
    let was_enabled = stored.shown.enabled;
    let mut changes = Changes::default();
    apply(&mut stored.shown, draft, &mut changes)?;
    let is_enabled_now = stored.shown.enabled && !was_enabled;
    if is_enabled_now {
        stored.health = HealthState::Healthy;
        stored.shown.health = HealthState::Healthy.name().to_owned();
    }
    if !changes.is_empty() {
        stored.shown.updated_at = Millis::now();
        stored.shown.revision = stored.shown.revision.saturating_add(1);
        use_connection(&work, &stored.shown).await?;
        store::update(work.transaction(), &stored).await?;
        work.audit("rule.updated", &target_of(&stored.shown), &changes)
            .await?;
        work.changed(ChangeKind::Rule, id.uuid()).await?;
    }
    let health = stored.health;
    let reply = work.commit(StatusCode::OK, &stored.shown).await?;
    rules.hold_at_once(&client, workspace, id).await;
    let lane = rules.lanes.lane(destination_of(id), health);
    if is_enabled_now {
        lane.reset();
    } else if acts_otherwise {
        // The change may mend the cause of its pause.
        lane.probe_at_once();
    }
    Ok(reply)
}

/// `DELETE /v1/rules/{id}`.
pub async fn delete_rule(rules: Rules, call: Call) -> Result<Reply, Problem> {
    let id: RuleId = call.id()?;
    let mut client = rules.db.client().await?;
    let work = match Work::begin(&mut client, &call).await? {
        Begun::Fresh(work) => work,
        Begun::Repeated(reply) => return Ok(reply),
    };
    let stored = lock(&work, id).await?;
    call.query.finish()?;
    store::delete(work.transaction(), id).await?;
    use_store::clear(work.transaction(), User::Rule(id.uuid())).await?;
    work.audit("rule.deleted", &target_of(&stored.shown), &Changes::default())
        .await?;
    work.changed(ChangeKind::Rule, id.uuid()).await?;
    let workspace = work.workspace();
    work.commit_silently().await?;
    rules.hold_at_once(&client, workspace, id).await;
    Ok(Reply::no_content())
}

impl Rules {
    /// Has a change hold on this instance before its reply; the others hear of it by the feed.
    async fn hold_at_once(&self, client: &db::Client, workspace: WorkspaceId, id: RuleId) {
        feed::left_to_feed(self.registry.refresh(client, &[(workspace, id.uuid())]).await);
    }

    /// Compiles what a rule is to do.
    pub(super) fn compile(
        &self,
        workspace: WorkspaceId,
        action: &str,
        connection: Option<ConnectionId>,
        input: &Node,
        faults: &mut Faults,
    ) -> Option<Plan> {
        let needs = self.registry.needs();
        let plan = Plan::compile(&needs.catalogue, action, input, faults)?;
        let takes = &plan.action().connections;
        let message = match (connection, takes.is_empty()) {
            (None, true) => return Some(plan),
            // What leads anywhere may need no credential.
            (None, false) if plan.definition().allows_any_host() => return Some(plan),
            (None, false) => "the action needs a connection",
            (Some(_), true) => "the action takes no connection",
            (Some(id), false) => match needs.credentials.find(workspace, id) {
                None => NO_CONNECTION,
                Some(live) if live.connector != plan.definition().name => {
                    "is a connection of another connector"
                }
                Some(live) if !live.kind.is_some_and(|kind| takes.contains(&kind)) => {
                    "is of a kind that the action does not take"
                }
                Some(_) => return Some(plan),
            },
        };
        faults.add("body.connection_id", "invalid_connection", message);
        None
    }

    /// 422 for a URL that cannot be sent to, or must not be.
    pub(super) async fn check_targets(&self, plan: Option<&Plan>) -> Result<(), Problem> {
        for (name, target) in plan.into_iter().flat_map(Plan::targets) {
            let place = format!("body.input.{name}");
            let mut faults = Faults::default();
            match target {
                Err(fault) => {
                    faults.add(place, "url_invalid", fault.to_string());
                    faults.into_result_as(Code::UrlInvalid)?;
                }
                Ok(target) if !self.client.may_be_saved(&target).await => {
                    let message =
                        "leads to an address that is not public, and the operator has not allowed it";
                    faults.add(place, "url_forbidden_address", message);
                    faults.into_result_as(Code::UrlForbiddenAddress)?;
                }
                Ok(_) => {}
            }
        }
        Ok(())
    }
}

/// Notes which connection a rule uses, so that it is not deleted meanwhile.
async fn use_connection(work: &Work<'_>, rule: &Rule) -> Result<(), Problem> {
    let user = User::Rule(rule.id.uuid());
    let Some(connection) = rule.connection_id else {
        return Ok(use_store::clear(work.transaction(), user).await?);
    };
    if use_store::put(work.transaction(), work.workspace(), user, connection).await? {
        return Ok(());
    }
    let mut faults = Faults::default();
    faults.add("body.connection_id", "invalid_connection", NO_CONNECTION);
    Err(Problem::invalid(faults.into_vec()))
}

fn stored_input(rule: &Rule) -> Result<Node, Problem> {
    json::parse(rule.input.get().as_bytes()).map_err(|fault| Problem::internal(&fault))
}

/// Puts a draft's fields in, noting each that changes.
fn apply(shown: &mut Rule, draft: Draft, changes: &mut Changes) -> Result<(), Problem> {
    put(&mut shown.name, draft.name, "name", changes);
    put(&mut shown.events, draft.events, "events", changes);
    put(&mut shown.filter, draft.filter, "filter", changes);
    put(&mut shown.action, draft.action, "action", changes);
    put(
        &mut shown.connection_id,
        draft.connection,
        "connection_id",
        changes,
    );
    if let Some(input) = draft.input {
        let input = to_raw_value(&input).map_err(|fault| Problem::internal(&fault))?;
        if input.get() != shown.input.get() {
            // It may hold what is nobody else's business.
            changes.note_hidden("input");
            shown.input = input;
        }
    }
    put(&mut shown.ordering, draft.ordering, "ordering", changes);
    put(&mut shown.unsure, draft.unsure, "unsure", changes);
    put(&mut shown.emit_result, draft.emit_result, "emit_result", changes);
    put(
        &mut shown.max_attempts,
        draft.max_attempts,
        "max_attempts",
        changes,
    );
    put(
        &mut shown.timeout_seconds,
        draft.timeout_seconds,
        "timeout_seconds",
        changes,
    );
    let rate = draft.rate_limit_per_second;
    put(
        &mut shown.rate_limit_per_second,
        rate,
        "rate_limit_per_second",
        changes,
    );
    put(&mut shown.enabled, draft.enabled, "enabled", changes);
    if shown.enabled {
        shown.disabled_reason = None;
    } else if shown.disabled_reason.is_none() {
        shown.disabled_reason = Some("Disabled by request.".to_owned());
    }
    Ok(())
}

fn put<T: PartialEq + serde::Serialize>(field: &mut T, value: Option<T>, name: &str, changes: &mut Changes) {
    if let Some(value) = value {
        changes.note(name, field, &value);
        *field = value;
    }
}

pub(super) async fn lock(work: &Work<'_>, id: RuleId) -> Result<StoredRule, Problem> {
    let found = store::lock(work.transaction(), work.workspace(), id).await?;
    found.ok_or_else(Problem::not_found)
}

pub(super) fn target_of(rule: &Rule) -> Target {
    Target::new("rule", rule.id, Some(&rule.name))
}
