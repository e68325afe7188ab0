/* consent.c - see consent.h. */
#include "app/consent.h"

#include "app/config.h"

LOG_TOPIC("app/consent");

bool consent_is_given(const struct config *c, const char *application_id, const char *exe_path)
{
        const char *name = *application_id ? application_id : *exe_path ? exe_path : "a program without a name";

        switch (config_consent(c, application_id, exe_path)) {
        case CONSENT_ALLOW: return true;
        case CONSENT_DENY: log_notice("%s is denied the microphone by the configuration", name); return false;
        case CONSENT_ASK:
                log_notice("%s wants the microphone and nobody can be asked: to let it, run "
                           "\"rtcroomctl consent allow %s\"",
                           name, name);
                return false;
        }
        return false;
}
