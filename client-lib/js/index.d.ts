/** rtcroom: real-time voice rooms of the Linux desktop, with the shape of RtcRoomContext. */

export interface RtcResult {
  /** `<api>:ok` */
  errMsg: string;
}

export interface RtcError {
  /** `<api>:fail <words>` */
  errMsg: string;
  /** old scheme, 5 digits */
  errNo: number;
  /** new scheme, 6 digits */
  errorCode: number;
  /** D developer, U user, F framework, I information */
  errorType: 'D' | 'U' | 'F' | 'I';
}

/** Exactly one of success and fail is called, then complete. */
export interface RtcCallbacks {
  success?(res: RtcResult): void;
  fail?(err: RtcError): void;
  complete?(res: RtcResult | RtcError): void;
}

export type StreamType = 'audio' | 'video' | 'both';
export type OnOff = 0 | 1;

export interface UserIdList {
  /** complete, in join order, the own user included */
  userIdList: string[];
}

export interface Quality {
  userId: string;
  lossRate: number;
  rtt: number;
  bitrate: number;
  txQuality: number;
  rxQuality: number;
}

export interface StateChange {
  errNo: number;
  errMsg: string;
  data: { elapsed?: number; joinType?: number; userId?: string; [key: string]: unknown };
}

/** What was said in the room: a text for people, or data for programs. */
export interface Message {
  /** who said it; empty: the server */
  userId: string;
  /** empty: the room's chat, or none */
  topic: string;
  reliable: boolean;
  text?: string;
  data?: Uint8Array;
  /** missing: everybody */
  destinations?: string[];
}

export interface Interruption {
  errNo: number;
  errMsg: string;
}

export interface RtcRoomContext {
  /** Resolves when the daemon has made the context, rejects with why not; need not be waited for. */
  readonly created: Promise<void>;

  joinRtcRoom(options: { roomId: string; userId: string; token: string; roomConfig?: { autoPublish?: boolean; autoSubscribe?: boolean }; e2eeKey?: string } & RtcCallbacks): void;
  exitRtcRoom(options?: { roomId?: string } & RtcCallbacks): void;
  changeAudioCapture(options: { state: OnOff } & RtcCallbacks): void;
  changeVideoCapture(options: { state: OnOff } & RtcCallbacks): void;
  switchCamera(options: { camera: 'back' | 'front' } & RtcCallbacks): void;
  updateToken(options: { token: string } & RtcCallbacks): void;
  changeUserVisibility(options: { visible: boolean } & RtcCallbacks): void;
  setVideoEncoderConfig(options: { maxSolution: { width: number; height: number; frameRate: number } } & RtcCallbacks): void;
  /** Besides the original's two, the name of any PipeWire sink. */
  setAudioPlaybackDevice(options: { device: 'speakerphone' | 'earpiece' | (string & {}) } & RtcCallbacks): void;
  changeStreamPublishState(options: { state: OnOff; streamType?: StreamType } & RtcCallbacks): void;
  changeStreamSubscribeState(options: { state: OnOff; userId: string; streamType?: StreamType } & RtcCallbacks): void;
  changeScreenSubscribeState(options: { state: OnOff; userId: string; streamType?: StreamType } & RtcCallbacks): void;
  changeAnsMode(options: { mode: 0 | 1 | 2 | 3 | 4 } & RtcCallbacks): void;
  /** Says something in writing, or sends data to programs; succeeds when it was taken for sending. Either text or data. */
  sendMessage(options: { text?: string; data?: Uint8Array; topic?: string; destinations?: string[]; reliable?: boolean } & RtcCallbacks): void;
  /** Leaves the room; every operation fails with 115910 from then on. */
  destroy(options?: RtcCallbacks): void;

  /** off… needs the function that was given to on…; without an argument it removes all. */
  onRtcChatMembersChanged(callback: (res: UserIdList) => void): void;
  offRtcChatMembersChanged(callback?: (res: UserIdList) => void): void;
  onRtcChatSpeakersChanged(callback: (res: UserIdList) => void): void;
  offRtcChatSpeakersChanged(callback?: (res: UserIdList) => void): void;
  onRtcVideoMembersChanged(callback: (res: UserIdList) => void): void;
  offRtcVideoMembersChanged(callback?: (res: UserIdList) => void): void;
  onRtcPublishScreenMembersChanged(callback: (res: UserIdList) => void): void;
  offRtcPublishScreenMembersChanged(callback?: (res: UserIdList) => void): void;
  onRtcStateChanged(callback: (res: StateChange) => void): void;
  offRtcStateChanged(callback?: (res: StateChange) => void): void;
  /** Another name of onRtcStateChanged. */
  onRtcStateChange(callback: (res: StateChange) => void): void;
  offRtcStateChange(callback?: (res: StateChange) => void): void;
  onRtcChatInterrupted(callback: (res: Interruption) => void): void;
  offRtcChatInterrupted(callback?: (res: Interruption) => void): void;
  onRoomTokenWillExpire(callback: () => void): void;
  offRoomTokenWillExpire(callback?: () => void): void;
  onNetworkQuality(callback: (res: { local: Quality; remote: Quality[] }) => void): void;
  offNetworkQuality(callback?: (res: { local: Quality; remote: Quality[] }) => void): void;
  onMessageReceived(callback: (res: Message) => void): void;
  offMessageReceived(callback?: (res: Message) => void): void;
}

/** What carries the calls instead of the session bus: see lib/bus.cjs. */
export interface Bus {
  call(destination: string, path: string, iface: string, member: string, signature: string, body: unknown[]): Promise<{ sender: string; body: unknown[] }>;
  onSignal(fn: (signal: { sender: string; path: string; interface: string; member: string; body: unknown[] }) => void): void;
  onGone(fn: (daemon: string | null) => void): void;
  forget(signalFn: unknown, goneFn: unknown): void;
}

export function createRtcRoomContext(options: { appId: string; server?: string }, bus?: Bus): RtcRoomContext;
/** Leaves the bus, and with it every room of this process; node can end then. */
export function disconnect(): void;
/** The name that code written for the original platform calls. */
export const tt: { createRtcRoomContext: typeof createRtcRoomContext };

declare const rtcroom: { createRtcRoomContext: typeof createRtcRoomContext; disconnect: typeof disconnect; tt: typeof tt };
export default rtcroom;
