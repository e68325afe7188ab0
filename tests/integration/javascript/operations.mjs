// operations.mjs - calls every operation of the module in turn and prints what its callbacks were given, one line of JSON each.
// node operations.mjs '{"appId": …, "roomId": …, "userId": …, "token": …}'
import { createRtcRoomContext, disconnect } from 'rtcroom';

const { appId, roomId, userId, token } = JSON.parse(process.argv[2]);
const context = createRtcRoomContext({ appId });

const calls = [
  ['changeAudioCapture', { state: 1 }],
  ['changeVideoCapture', { state: 0 }],
  ['changeVideoCapture', { state: 1 }],
  ['switchCamera', { camera: 'back' }],
  ['switchCamera', { camera: 'sideways' }],
  ['setVideoEncoderConfig', { maxSolution: { width: 640, height: 360, frameRate: 24 } }],
  ['setAudioPlaybackDevice', { device: 'speakerphone' }],
  ['changeAnsMode', { mode: 2 }],
  ['updateToken', { token }],
  ['joinRtcRoom', { roomId, userId }],
  ['joinRtcRoom', { roomId, userId, token }],
  ['joinRtcRoom', { roomId: 'other', userId: 'other', token }],
  ['changeUserVisibility', { visible: true }],
  ['changeStreamPublishState', { state: 1, streamType: 'audio' }],
  ['changeStreamSubscribeState', { state: 1, userId: 'bob', streamType: 'both' }],
  ['changeScreenSubscribeState', { state: 0, userId: 'bob', streamType: 'video' }],
  ['updateToken', { token }],
  ['exitRtcRoom', { roomId }],
  ['exitRtcRoom'],
  ['destroy'],
  ['changeAnsMode', { mode: 0 }],
];

function run(api, options) {
  return new Promise((resolve) => {
    const seen = [];
    context[api]({
      ...options,
      success: (res) => seen.push(['success', res]),
      fail: (err) => seen.push(['fail', err]),
      complete: (res) => resolve([...seen, ['complete', res]]),
    });
  });
}

for (const [api, options] of calls) {
  console.log(JSON.stringify([api, await run(api, options)])); // one after the other
}
disconnect();
