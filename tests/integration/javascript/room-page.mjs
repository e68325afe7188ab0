// room-page.mjs - a page as programs for the original platform have it, in our own words: the microphone on, join, listeners,
// visibility, what is sent and heard, exit. Only the import is another one.
import { tt } from 'rtcroom';

Page({
  data: { self: '', others: [], speakers: [], line: 'new' },

  onLoad(query) {
    this.query = query;
    this.rtc = tt.createRtcRoomContext({ appId: query.appId });
    this.setData({ self: query.userId });
    this.openMicrophone();
  },

  // The platform's functions take callbacks and return nothing.
  ask(api, options, next) {
    this.rtc[api]({
      ...options,
      success: (res) => next && next(res),
      fail: (err) => this.setData({ line: err.errMsg, errNo: err.errNo, errorCode: err.errorCode, errorType: err.errorType }),
      complete: () => this.setData({ answered: api }),
    });
  },

  openMicrophone() {
    this.ask('changeAudioCapture', { state: 1 }, () => this.enter());
  },

  enter() {
    const { roomId, userId, token } = this.query;
    this.ask('joinRtcRoom', { roomId, userId, token, roomConfig: { autoPublish: false, autoSubscribe: false } }, () => {
      this.setData({ line: 'in the room' });
      this.ask('changeUserVisibility', { visible: true });
      this.send();
    });
    this.listen();
  },

  listen() {
    this.membersChanged = ({ userIdList }) => {
      const others = userIdList.filter((id) => id !== this.data.self);
      for (const userId of others) {
        if (!this.data.others.includes(userId)) this.hear(userId);
      }
      this.setData({ others, isListed: userIdList.includes(this.data.self) });
    };
    this.speakersChanged = ({ userIdList }) => this.setData({ speakers: userIdList });
    this.stateChanged = ({ errNo, errMsg }) => {
      if ([21105, 21106, 21108].includes(errNo)) this.leave(errMsg);
    };
    this.interrupted = ({ errNo, errMsg }) => this.setData({ line: `interrupted: ${errMsg}`, errNo });
    this.rtc.onRtcChatMembersChanged(this.membersChanged);
    this.rtc.onRtcChatSpeakersChanged(this.speakersChanged);
    this.rtc.onRtcStateChanged(this.stateChanged);
    this.rtc.onRtcChatInterrupted(this.interrupted);
  },

  send() {
    this.ask('changeStreamPublishState', { state: 1, streamType: 'audio' }, () => this.setData({ line: 'talking' }));
  },

  hear(userId) {
    this.ask('changeStreamSubscribeState', { state: 1, userId, streamType: 'audio' }, () => this.setData({ heard: userId }));
  },

  leave(line) {
    this.ask('exitRtcRoom', { roomId: this.query.roomId }, () => this.setData({ line }));
  },

  onUnload() {
    this.rtc.offRtcChatMembersChanged(this.membersChanged);
    this.rtc.offRtcChatSpeakersChanged(this.speakersChanged);
    this.rtc.offRtcStateChanged(this.stateChanged);
    this.rtc.offRtcChatInterrupted(this.interrupted);
    this.leave('left');
  },
});
