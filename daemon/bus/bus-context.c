/* bus-context.c - org.rtcroom.RtcRoom1.Context.
 *
 * One handler serves all operations: the member names the api (app/result.c has the table), the options are read
 * within bounds, and the reply carries the request number. What follows is the manager's: it emits no completion
 * before the next turn of the loop, so the reply is always first. Control thread.
 */
#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "bus/bus-errors.h"
#include "bus/bus-internal.h"
#include "bus/bus-options.h"

static enum api api_of(const char *member)
{
        for (int api = API_JOIN; api < _API_MAX; api++)
                if (strcmp(api_to_member((enum api)api), member) == 0)
                        return (enum api)api;
        assert(!"a member of the vtable is an operation");
        return _API_MAX;
}

int bus_context_on_operation(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        _cleanup_(options_freep) struct options *options = NULL;
        struct bus_object *o = userdata;
        const struct caller *who;
        uint32_t request;
        int r = bus_server_caller(o->server, m, &who, error);

        if (r < 0)
                return r;
        r = bus_options_read(m, &options);
        if (r < 0)
                return r;
        r = context_call(o->context, who, api_of(sd_bus_message_get_member(m)), options, &request);
        if (r == -EBUSY)
                return bus_error_set(error, BUS_ERROR_LIMITS_EXCEEDED, "32 requests are pending on this context");
        return r < 0 ? r : sd_bus_reply_method_return(m, "u", request);
}

#define OPERATION_WITH(name, flags)                                                               \
        SD_BUS_METHOD_WITH_ARGS(name, SD_BUS_ARGS("a{sv}", options), SD_BUS_RESULT("u", request), \
                                bus_context_on_operation, SD_BUS_VTABLE_UNPRIVILEGED | (flags))
#define OPERATION(name)        OPERATION_WITH(name, 0)
#define SECRET_OPERATION(name) OPERATION_WITH(name, SD_BUS_VTABLE_SENSITIVE) /* its message is wiped */
#define PROPERTY(name, type, getter, field) \
        SD_BUS_PROPERTY(name, type, getter, offsetof(struct bus_object, field), SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE)
#define LIST_SIGNAL(name) SD_BUS_SIGNAL_WITH_ARGS(name, SD_BUS_ARGS("as", userIdList), 0)

static const sd_bus_vtable vtable[] = {
        SD_BUS_VTABLE_START(0),
        SECRET_OPERATION("JoinRtcRoom"),
        OPERATION("ExitRtcRoom"),
        OPERATION("ChangeAudioCapture"),
        OPERATION("ChangeUserVisibility"),
        OPERATION("ChangeStreamPublishState"),
        OPERATION("ChangeStreamSubscribeState"),
        OPERATION("ChangeScreenSubscribeState"),
        SECRET_OPERATION("UpdateToken"),
        OPERATION("SetAudioPlaybackDevice"),
        OPERATION("ChangeAnsMode"),
        OPERATION("ChangeVideoCapture"),
        OPERATION("SwitchCamera"),
        OPERATION("SetVideoEncoderConfig"),
        OPERATION("Destroy"),
        SD_BUS_SIGNAL_WITH_ARGS(
                "Completed",
                SD_BUS_ARGS("u", request, "s", api, "i", errNo, "i", errorCode, "s", errorType, "s", errMsg), 0),
        LIST_SIGNAL("RtcChatMembersChanged"),
        LIST_SIGNAL("RtcChatSpeakersChanged"),
        LIST_SIGNAL("RtcVideoMembersChanged"),
        LIST_SIGNAL("RtcPublishScreenMembersChanged"),
        SD_BUS_SIGNAL_WITH_ARGS("RtcStateChanged", SD_BUS_ARGS("i", errNo, "s", errMsg, "a{sv}", data), 0),
        SD_BUS_SIGNAL_WITH_ARGS("RtcChatInterrupted", SD_BUS_ARGS("i", errNo, "s", errMsg), 0),
        SD_BUS_SIGNAL_WITH_ARGS("RoomTokenWillExpire", SD_BUS_NO_ARGS, 0),
        SD_BUS_SIGNAL_WITH_ARGS("NetworkQuality", SD_BUS_ARGS("a{sv}", local, "aa{sv}", remote), 0),
        PROPERTY("AppId", "s", bus_get_string, cv.app_id),
        PROPERTY("Server", "s", bus_get_string, cv.server),
        PROPERTY("Engine", "s", bus_get_string, cv.engine),
        PROPERTY("State", "s", bus_get_string, state),
        PROPERTY("RoomId", "s", bus_get_string, cv.room_id),
        PROPERTY("UserId", "s", bus_get_string, cv.user_id),
        PROPERTY("Members", "as", bus_get_strings, lists[LIST_MEMBERS]),
        PROPERTY("Speakers", "as", bus_get_strings, lists[LIST_SPEAKERS]),
        PROPERTY("VideoMembers", "as", bus_get_strings, lists[LIST_VIDEO_MEMBERS]),
        PROPERTY("ScreenMembers", "as", bus_get_strings, lists[LIST_SCREEN_MEMBERS]),
        PROPERTY("AudioCapture", "b", bus_get_boolean, cv.audio_capture),
        PROPERTY("VideoCapture", "b", bus_get_boolean, cv.video_capture),
        PROPERTY("AudioPublished", "b", bus_get_boolean, cv.audio_published),
        PROPERTY("VideoPublished", "b", bus_get_boolean, cv.video_published),
        PROPERTY("Visible", "b", bus_get_boolean, cv.visible),
        PROPERTY("TokenExpiresAt", "t", bus_get_u64, cv.token_expires_at),
        SD_BUS_VTABLE_END,
};

static const struct bus_property_bit bits[] = {
        { CONTEXT_STATE, "State" },
        { CONTEXT_ROOM_ID, "RoomId" },
        { CONTEXT_USER_ID, "UserId" },
        { CONTEXT_MEMBERS, "Members" },
        { CONTEXT_SPEAKERS, "Speakers" },
        { CONTEXT_VIDEO_MEMBERS, "VideoMembers" },
        { CONTEXT_SCREEN_MEMBERS, "ScreenMembers" },
        { CONTEXT_AUDIO_CAPTURE, "AudioCapture" },
        { CONTEXT_VIDEO_CAPTURE, "VideoCapture" },
        { CONTEXT_AUDIO_PUBLISHED, "AudioPublished" },
        { CONTEXT_VIDEO_PUBLISHED, "VideoPublished" },
        { CONTEXT_VISIBLE, "Visible" },
        { CONTEXT_TOKEN_EXPIRES_AT, "TokenExpiresAt" },
};

const struct bus_face bus_context_face = {
        .interface = BUS_INTERFACE_CONTEXT,
        .vtable = vtable,
        .bits = bits,
        .n_bits = ARRAY_SIZE(bits),
};
