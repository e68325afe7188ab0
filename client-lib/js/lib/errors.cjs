// errors.cjs - results in the original's form: errMsg, errNo (old), errorCode and errorType (new).
'use strict';

const DESTROYED = 'engine has been destroyed,please invoke tt.createRtcRoomContext create new engine';
const GONE = new Set(['org.freedesktop.DBus.Error.UnknownObject', 'org.freedesktop.DBus.Error.ServiceUnknown',
  'org.freedesktop.DBus.Error.NameHasNoOwner', 'org.freedesktop.DBus.Error.Disconnected']);

const destroyed = (api) => ({ errMsg: `${api}:fail ${DESTROYED}`, errNo: 115910, errorCode: 115910, errorType: 'D' });
const invalid = (api, words) => ({ errMsg: `${api}:fail ${words}`, errNo: 20000, errorCode: 115999, errorType: 'D' });
const failed = (api, words) => ({ errMsg: `${api}:fail ${words}`, errNo: 21102, errorCode: 115903, errorType: 'F' });

// A D-Bus error (its name in `type`, words in `text`) instead of a request number.
function fromDBus(api, error) {
  if (GONE.has(error.type)) return destroyed(api);
  if (error.type === 'org.freedesktop.DBus.Error.UnknownMethod') return failed(api, 'not supported by this rtcroomd');
  return failed(api, error.text || error.message || String(error));
}

// A context that could not be made: the words of createRtcRoomContext, behind the name of what was called.
function fromCreation(api, error) {
  const words = (error.text || error.message || String(error)).replace(/^createRtcRoomContext:fail /, '');
  if (error.type === 'org.rtcroom.RtcRoom1.Error.InvalidParams') return invalid(api, words);
  if (error.type === 'org.rtcroom.RtcRoom1.Error.AuthDenied') {
    return { errMsg: `${api}:fail ${words}`, errNo: 10101, errorCode: 10101, errorType: 'D' };
  }
  return failed(api, words);
}

module.exports = { destroyed, invalid, failed, fromDBus, fromCreation };
