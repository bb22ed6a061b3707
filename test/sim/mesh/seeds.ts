/** Schedules that once found a defect in the daemon, and what it was. `npm test` replays them. */
export const seeds: readonly { readonly seed: number; readonly found: string }[] = [
  {
    seed: 1000,
    found:
      'a crash between the own delta and its error buffer: the round was trained again into a second delta, which is a contradiction'
  },
  { seed: 1002, found: 'the same without an adversary' },
  { seed: 1008, found: 'the same with a replayer' },
  {
    seed: 1007,
    found:
      'a crash inside the record of an own block left its id alone: the next life signed another block for the slot and stopped on it'
  }
]
