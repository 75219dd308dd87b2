//! What somebody who may only look is told before they fill in a form: that they may not send it, and whom to ask. It refuses
//! nothing itself: Kubernetes does.

use api::Environment;
use verbs::access::Deed;

use super::Shell;
use crate::app::App;
use crate::sight::{Looking, Scope};

/// Of more namespaces than this it is not asked whether somebody may do something in one of them.
const FEW: usize = 8;

/// What the forms of a page do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Forms {
    Change,
    Copy,
    Create,
    Destroy,
    /// Several at once.
    Several,
}

impl Forms {
    fn deed(self) -> Option<&'static Deed> {
        Deed::named(match self {
            Self::Change | Self::Several => "change",
            Self::Copy => "copy",
            Self::Create => "create",
            Self::Destroy => "destroy",
        })
    }

    fn sentence(self) -> &'static str {
        match self {
            Self::Change => "You may look at this environment, not change it.",
            Self::Copy => "You may look at this environment, not copy or back up its data.",
            Self::Create => "You may look at this project, not make environments of it.",
            Self::Destroy => "You may look at this environment, not destroy it.",
            Self::Several => "You may look at these environments, not change them.",
        }
    }

    fn told(self, contact: Option<&str>) -> Option<String> {
        let role = self.deed()?.role(false)?.as_str();
        let ask = contact.unwrap_or("an admin of the project");
        Some(format!(
            "{} That takes the role {role} or more in the `access` of its project. Ask: {ask}",
            self.sentence()
        ))
    }
}

/// What is said to whoever may not send such forms; nobody else is told anything, nor anybody who is not known to be barred.
pub async fn barred(app: &App, namespace: &str, forms: Forms) -> Option<String> {
    if app.may_do(namespace, forms.deed()?).await {
        return None;
    }
    forms.told(app.door.site().and_then(|site| site.contact.as_deref()))
}

impl Shell {
    /// Of a page with such forms.
    pub async fn with(mut self, app: &App, namespace: &str, forms: Forms) -> Self {
        self.barred = barred(app, namespace, forms).await;
        self
    }

    /// Of a page with what is in several namespaces: only who may nowhere is told so.
    pub async fn with_several(mut self, app: &App, seen: &Looking<'_, Environment>) -> Self {
        let namespaces: Vec<&str> = match (&app.namespace, &seen.scope) {
            (Some(namespace), _) => vec![namespace.as_str()],
            (None, Scope::Namespaces(some)) if some.len() <= FEW => some.iter().map(String::as_str).collect(),
            (None, _) => return self,
        };
        for namespace in namespaces {
            let Some(told) = barred(app, namespace, Forms::Several).await else {
                self.barred = None;
                return self;
            };
            self.barred = Some(told);
        }
        self
    }

    /// What the buttons of such forms carry.
    pub fn bar(&self) -> &'static str {
        if self.barred.is_some() { " disabled" } else { "" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_said_what_it_takes_and_whom_to_ask() {
        for forms in [Forms::Change, Forms::Copy, Forms::Create, Forms::Destroy, Forms::Several] {
            let told = forms.told(Some("#help")).unwrap();
            assert!(told.contains("the role qa or more") && told.ends_with("Ask: #help"), "{told}");
        }
        assert!(Forms::Change.told(None).unwrap().ends_with("Ask: an admin of the project"));
    }
}
