/** What a script can rely on; the README lists the same. */
export const EXIT = {
  /** Done, and what was checked holds. */
  ok: 0,
  /** The operation failed, or a check did not hold. */
  failed: 1,
  /** The command line is wrong: nothing was done. */
  usage: 2,
  /** No peer answers where one was expected. */
  unreachable: 3,
  /** Stopped by Ctrl-C or SIGTERM before the end, cleanly. */
  interrupted: 130
} as const

const UNREACHABLE: ReadonlySet<string> = new Set([
  'API_UNREACHABLE',
  'API_TIMEOUT',
  'JOIN_UNREACHABLE',
  'NET_DIAL_FAILED'
])

export const exitCodeOf = (code: string): number =>
  code.startsWith('USAGE') ? EXIT.usage : UNREACHABLE.has(code) ? EXIT.unreachable : EXIT.failed
