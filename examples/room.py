#!/usr/bin/env python3
"""room.py - join a voice room from Python (asyncio, dbus-fast) and print who is there and who speaks. Ctrl-C leaves.

    python3 room.py APPID ROOM USER TOKENFILE

The token is read again from the file when it is about to expire: there your application puts the new one.
"""
import asyncio
import signal
import sys

from dbus_fast import BusType, Message, MessageType, Variant
from dbus_fast.aio import MessageBus

NAME, ROOT = "org.rtcroom.RtcRoom1", "/org/rtcroom/RtcRoom1"


class Failed(Exception):
    pass


class Room:
    async def open(self, app_id):
        self.bus = await MessageBus(bus_type=BusType.SESSION).connect()
        self.pending, self.early, self.over = {}, {}, asyncio.Event()
        self.path, self.daemon = None, None
        self.bus.add_message_handler(self.on_message)
        # the daemon's end is seen by its name leaving the bus
        await self.call("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "AddMatch", "s",
                        "type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged',arg0='%s'" % NAME)
        reply = await self.call(NAME, ROOT, NAME + ".Manager", "CreateRtcRoomContext", "a{sv}", {"appId": Variant("s", app_id)})
        self.path, self.daemon = reply.body[0], reply.sender

    async def call(self, destination, path, interface, member, signature, *body):
        reply = await self.bus.call(Message(destination=destination, path=path, interface=interface, member=member,
                                            signature=signature, body=list(body)))
        if reply.message_type == MessageType.ERROR:
            raise Failed("%s: %s" % (reply.error_name, reply.body[0] if reply.body else ""))
        return reply

    async def operate(self, member, **options):
        """One operation: its request number comes at once, its outcome in the signal Completed."""
        reply = await self.call(self.daemon, self.path, NAME + ".Context", member, "a{sv}", options)
        outcome = asyncio.get_running_loop().create_future()
        self.pending[reply.body[0]] = outcome
        if reply.body[0] in self.early:  # it came before this coroutine ran again
            outcome.set_result(self.early.pop(reply.body[0]))
        _api, err_no, error_code, _error_type, err_msg = await outcome
        if err_no != 0:
            raise Failed("%s (%d, %d)" % (err_msg, err_no, error_code))

    def on_message(self, m):
        if m.message_type != MessageType.SIGNAL:
            return
        if m.member == "NameOwnerChanged" and m.sender == "org.freedesktop.DBus" and m.body[1] == self.daemon:
            self.end("the daemon has ended")
        if m.path != self.path or m.sender != self.daemon:
            return
        if m.member == "Completed":
            outcome = self.pending.pop(m.body[0], None)
            if outcome:
                outcome.set_result(m.body[1:])
            else:
                self.early[m.body[0]] = m.body[1:]
        elif m.member == "RtcChatMembersChanged":
            print("in the room:", *m.body[0], flush=True)
        elif m.member == "RtcChatSpeakersChanged":
            print("speaking:", *m.body[0], flush=True)
        elif m.member == "RoomTokenWillExpire":
            self.renewal = asyncio.create_task(self.renew())
        elif m.member == "RtcChatInterrupted":
            self.end("interrupted: %s (%d)" % (m.body[1], m.body[0]))

    def end(self, why):
        self.why = why
        for outcome in self.pending.values():
            outcome.set_exception(Failed(why))
        self.pending.clear()
        self.over.set()

    async def renew(self):
        try:
            await self.operate("UpdateToken", token=Variant("s", read_token()))
            print("token renewed", flush=True)
        except (Failed, OSError) as e:
            print(e, file=sys.stderr)  # the old one stays in force as long as it lasts


def read_token():
    with open(sys.argv[4], encoding="utf-8") as f:
        return f.read().strip()


async def main():
    room = Room()
    await room.open(sys.argv[1])
    await room.operate("JoinRtcRoom", roomId=Variant("s", sys.argv[2]), userId=Variant("s", sys.argv[3]), token=Variant("s", read_token()))
    print("joined", flush=True)
    room.why = None
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, room.over.set)
    await room.over.wait()
    if room.why:
        raise Failed(room.why)
    await room.operate("ExitRtcRoom")
    print("left")


if __name__ == "__main__":
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    try:
        asyncio.run(main())
    except (Failed, OSError) as e:
        sys.exit(str(e))
