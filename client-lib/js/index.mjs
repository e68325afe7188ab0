// index.mjs - rtcroom for `import`.
import rtcroom from './index.cjs';

export const { createRtcRoomContext, disconnect, tt } = rtcroom;
export default rtcroom;
