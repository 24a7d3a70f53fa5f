/** Cancellation, as the rest of this package names it. */
export { type AbortScope, abortScope, NoLongerNeeded, onAbort, pause, raceAbort, withDeadline } from '@floe/platform';
