/** Schedules that once found a defect in the daemon, and what it was. `npm test` replays them. */
export const seeds: readonly { readonly seed: number; readonly found: string }[] = [
  {
    seed: 53,
    found:
      'a crash between the own delta and its error buffer: the round was trained again into a second delta, which is a contradiction'
  },
  {
    seed: 283,
    found:
      'a crash inside the record of an own block left its id alone: the next life signed another block for the slot and stopped on it'
  },
  {
    seed: 741,
    found:
      'a crash left the digest of an own delta alone and the chain went back: another delta of the round was trained, and the peer stopped on it'
  },
  {
    seed: 1058,
    found:
      'a certificate that came between a restart and the first vote was marked as known and never counted: a slot stood open for good'
  },
  {
    seed: 4904,
    found: 'what neighbours that had gone announced was still asked for, past the limit of what is on its way'
  },
  {
    seed: 5689,
    found:
      'live blocks were pruned while they were read to vote on: the peer called its folder damaged and stopped'
  }
]
