/**
 * What strangers call themselves, made fit to be shown: no control characters (a terminal obeys them), no
 * marks that turn the direction of what follows, nothing invisible, on one line and of bounded length.
 */
const LETTERS_MAX = 32

/** Control, format (bidirectional marks, zero widths, tags), surrogate, private use, unassigned; line breaks. */
const UNFIT = /[\p{C}\p{Zl}\p{Zp}]/gu
/** A letter carries a few marks at most: more climb over the lines above. */
const PILED_MARKS = /(\p{M}{3})\p{M}+/gu

export const cleanLabel = (text: string): string => {
  const fit = text.normalize('NFC').replace(UNFIT, '').replace(PILED_MARKS, '$1').replace(/\s+/gu, ' ').trim()
  return [...fit].slice(0, LETTERS_MAX).join('').trim()
}
