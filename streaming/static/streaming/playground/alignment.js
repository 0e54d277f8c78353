// When is which part of a text heard? From the alignments that come with the sound.

// How far a character is looked for: markup that nobody hears is left out of alignments.
const MOST_SKIPPED = 400;

export class TextTimes {
  constructor(text) {
    this.text = text;
    this.place = 0;
    this.at = 0;
    /** Of each character that has a time: where it ends in the text, and when it begins, in milliseconds. */
    this.ends = [];
    this.begins = [];
  }

  /** Times are relative to the end of the last character of the alignment before. */
  add({ chars, charStartTimesMs, charDurationsMs }) {
    const origin = this.at;
    chars.forEach((char, i) => {
      const found = this.text.indexOf(char, this.place);
      if (found >= 0 && found - this.place <= MOST_SKIPPED) {
        this.place = found + char.length;
        this.ends.push(this.place);
        this.begins.push(origin + charStartTimesMs[i]);
      }
      this.at = origin + charStartTimesMs[i] + charDurationsMs[i];
    });
  }

  /** The end of what has begun to sound by this time. */
  placeAt(milliseconds) {
    let low = 0;
    let high = this.begins.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.begins[middle] <= milliseconds) low = middle + 1;
      else high = middle;
    }
    return low ? this.ends[low - 1] : 0;
  }
}

const segmenter = typeof Intl.Segmenter === "undefined" ? null : new Intl.Segmenter(undefined, { granularity: "word" });

/** The last word that has begun before this place, as [begin, end]. */
export function wordBefore(text, place) {
  if (place <= 0) return [0, 0];
  return segmenter ? segmentBefore(segmenter.segment(text), place) : spacedWordBefore(text, place);
}

function segmentBefore(segments, place) {
  let found = segments.containing(place - 1);
  while (found && !found.isWordLike && found.index > 0) found = segments.containing(found.index - 1);
  return found?.isWordLike ? [found.index, found.index + found.segment.length] : [place, place];
}

function spacedWordBefore(text, place) {
  const begin = text.slice(0, place).search(/\S+\s*$/);
  if (begin < 0) return [place, place];
  return [begin, begin + text.slice(begin).search(/\s|$/)];
}
