// room.mjs - join a voice room from JavaScript with nothing but dbus-next, and print who is there and who speaks.
//
//     node room.mjs APPID ROOM USER TOKENFILE         Ctrl-C leaves
//
// With the module of client-lib/js it is shorter; this shows what is on the bus. The token is read again from the file when
// it is about to expire: there your application puts the new one.
import { readFileSync } from 'node:fs';
import dbus from 'dbus-next';

const NAME = 'org.rtcroom.RtcRoom1';
const ROOT = '/org/rtcroom/RtcRoom1';
const [, , appId, roomId, userId, tokenFile] = process.argv;
const { Message, MessageType, Variant } = dbus;
const text = (value) => new Variant('s', value);
const readToken = () => readFileSync(tokenFile, 'utf8').trim();

if (!tokenFile) {
  console.error('usage: node room.mjs APPID ROOM USER TOKENFILE');
  process.exit(2);
}

const bus = dbus.sessionBus();
const pending = new Map(); // request number → what to do with its outcome
const early = new Map(); // outcomes that came before their number was looked at
let path = null;
let daemon = null;

const call = (destination, at, iface, member, signature, ...body) =>
  bus.call(new Message({ destination, path: at, interface: iface, member, signature, body }));

// One operation: its request number comes at once, its outcome in the signal Completed.
async function operate(member, options = {}) {
  const reply = await call(daemon, path, `${NAME}.Context`, member, 'a{sv}', options);
  const [number] = reply.body;
  const [, errNo, errorCode, , errMsg] = await new Promise((resolve) => {
    if (early.has(number)) resolve(early.get(number));
    else pending.set(number, resolve);
  });
  if (errNo !== 0) throw new Error(`${errMsg} (${errNo}, ${errorCode})`);
}

function end(status, words) {
  if (words) console.error(words);
  bus.disconnect();
  process.exit(status);
}

async function renew() {
  try {
    await operate('UpdateToken', { token: text(readToken()) });
    console.log('token renewed');
  } catch (e) {
    console.error(e.message); // the old one stays in force as long as it lasts
  }
}

const signals = {
  Completed([number, ...outcome]) {
    if (pending.has(number)) pending.get(number)(outcome);
    else early.set(number, outcome);
    pending.delete(number);
  },
  RtcChatMembersChanged: ([ids]) => console.log('in the room:', ...ids),
  RtcChatSpeakersChanged: ([ids]) => console.log('speaking:', ...ids),
  RoomTokenWillExpire: renew,
  RtcChatInterrupted: ([errNo, errMsg]) => end(1, `interrupted: ${errMsg} (${errNo})`),
};

bus.on('message', (m) => {
  if (m.type !== MessageType.SIGNAL) return;
  if (m.sender === 'org.freedesktop.DBus' && m.member === 'NameOwnerChanged' && m.body[1] === daemon) end(1, 'the daemon has ended');
  if (m.path === path && m.sender === daemon && Object.hasOwn(signals, m.member)) signals[m.member](m.body);
});
bus.on('error', (e) => end(1, e.message));

try {
  await call('org.freedesktop.DBus', '/org/freedesktop/DBus', 'org.freedesktop.DBus', 'AddMatch', 's',
    `type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged',arg0='${NAME}'`);
  const created = await call(NAME, ROOT, `${NAME}.Manager`, 'CreateRtcRoomContext', 'a{sv}', { appId: text(appId) });
  [path] = created.body;
  daemon = created.sender;
  await operate('JoinRtcRoom', { roomId: text(roomId), userId: text(userId), token: text(readToken()) });
  console.log('joined');
} catch (e) {
  end(1, e.message);
}
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, async () => {
    await operate('ExitRtcRoom').catch((e) => end(1, e.message));
    console.log('left');
    end(0);
  });
}
