/** What holds unless arguments say otherwise. Apart, so that the help of a command loads nothing else. */

/** Where `floe dev` keeps its state, and where every other command looks. */
export const DEFAULT_DIRECTORY = '.floe';

/**
 * First port of a development network. Its block ends well below the range from which systems take ports for outgoing
 * connections (32768 up on Linux).
 */
export const DEFAULT_BASE_PORT = 31_400;
