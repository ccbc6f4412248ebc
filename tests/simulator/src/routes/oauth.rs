//! The token endpoint (API reference, section B.2). Refresh tokens rotate and are single use.

use serde_json::json;

use crate::server::http::{Request, parameters};
use crate::server::{Answer, Shared, lock};

/// Where the real one is, on another host.
pub(crate) const PATH: &str = "/oauth2/generate-customer-token";

/// Parameters come in the query or in a form; both are read.
pub(crate) fn answer(shared: &Shared, request: &Request, trace: &str) -> Answer {
    if request.method != "POST" {
        return Answer::error(405, trace, "Method Not Allowed").violating("wrong method");
    }
    let mut given = request.query.clone();
    given.extend(parameters(&String::from_utf8_lossy(&request.body)));
    let get = |name: &str| given.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let mut accounts = lock(&shared.accounts);
    let Some(client) = accounts.client(request) else {
        return refuse(401, "invalid_client", "Client authentication failed");
    };
    let known = accounts.clients.get(&client).map(|client| client.refresh_token.clone());
    let grant = get("grant_type");
    let valid = match grant {
        Some("refresh_token") => get("refresh_token").is_some_and(|token| Some(token) == known.as_deref()),
        // No browser here: the code of a client is its id.
        Some("authorization_code") => get("code") == Some(&client) && get("redirect_uri").is_some(),
        _ => return refuse(400, "unsupported_grant_type", "The grant type is not supported"),
    };
    if !valid {
        return refuse(400, "invalid_grant", "Token has been expired or revoked.");
    }
    let life = shared.options.token_life;
    let scope = accounts.clients.get(&client).map(|client| client.scopes.join(" "));
    // The client was found above, under the same lock.
    let tokens = accounts.issue(&client, life, shared.clock.now());
    let Some((access, refresh)) = tokens else {
        return refuse(401, "invalid_client", "Client authentication failed");
    };
    let body = json!({
        "access_token": access,
        "refresh_token": refresh,
        "expires_in": life.num_seconds(),
        "token_type": "bearer",
        "scope": scope,
        "api_base_url_for_customer": shared.url,
    });
    Answer::json(200, body.to_string())
}

/// The errors of OAuth have a form of their own.
fn refuse(status: u16, error: &str, text: &str) -> Answer {
    Answer::json(status, json!({"error": error, "error_description": text}).to_string())
}
