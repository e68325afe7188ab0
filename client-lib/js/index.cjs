// index.cjs - rtcroom for CommonJS; index.mjs gives the same to import.
'use strict';

const { RtcRoomContext } = require('./lib/context.cjs');
const { sessionBus } = require('./lib/bus.cjs');

// options: { appId, server? }. Returns at once: what is called before the daemon has answered waits for it.
// bus: for tests, or a connection of one's own (lib/bus.cjs says what it has to be).
function createRtcRoomContext(options, bus) {
  return new RtcRoomContext(bus || sessionBus(), options);
}

// Leaves the bus, and with it every room that was joined by this process; node can end then.
function disconnect() {
  sessionBus.close();
}

// The name that code written for the original platform calls.
const tt = { createRtcRoomContext };

module.exports = { createRtcRoomContext, disconnect, tt };
