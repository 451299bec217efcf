/**
 * A power cut: makes a folder what a disk would hold of it, from the record of powercut.c, after its process was killed.
 *
 * The model, for names. LevelDB syncs the folder when it syncs a MANIFEST, and at no other time. A new log is written
 * and fdatasynced, and its batches acknowledged, before any folder sync; CURRENT is renamed into place without one. So
 * LevelDB relies on more than POSIX gives, and on what journaling file systems (ext4, XFS, btrfs) do give:
 *   1. a sync of a file also keeps that file's own name;
 *   2. changes of names are kept in their order: never a later one without those before it, except for 1;
 *   3. a sync of a folder keeps all changes before it.
 * Beyond what these rules force, a random number of the following changes is kept. A name that is kept without its
 * file's content being synced is an empty (or shortened) file; a name that is not kept is gone, and a removed or
 * replaced one is back.
 *
 * The model, for content. Files grow at their end only (logs, tables, manifests do). What was synced is kept. Of what
 * came after, `cut` keeps nothing; `random` keeps a random part, and may leave zeros for the rest of it (a file system
 * that knows the length but has not written the blocks). Bytes whose sync failed are zeros, even if a later sync
 * succeeded: Linux has given them up by then.
 *
 * Not modelled: files changed in the middle; renamed or removed folders; what a process does past the C library. Bun's
 * own `node:fs` opens files past it (but syncs, renames and removes through it): such a file is known from its first
 * sync on. What the record does not know is kept as it is and named in the report.
 */
import {
  closeSync,
  existsSync,
  linkSync,
  ftruncateSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';

/** Where the record of one life of a process goes. All three lie on one file system. */
export interface Recording {
  readonly folder: string;
  readonly record: string;
  readonly grave: string;
}

export type CutMode = 'cut' | 'random';

/** What the cut did. */
export interface CutReport {
  /** Bytes that were in the files and are not any more. */
  readonly lostBytes: number;
  /** Changes of names that were not kept, of how many. */
  readonly lostNames: number;
  readonly names: number;
  /** Files in the folder that the record does not know. */
  readonly unknown: readonly string[];
}

const filesIn = (folder: string): readonly string[] =>
  readdirSync(folder, { withFileTypes: true }).flatMap((item) => {
    const path = join(folder, item.name);
    return item.isDirectory() ? filesIn(path) : item.isFile() ? [path] : [];
  });

/**
 * Begins the record of a process's life in the folder. What is there now counts as kept. Returns what to put into the
 * environment of the process.
 */
export const beginRecording = ({ folder, record, grave }: Recording, library: string): Record<string, string> => {
  mkdirSync(folder, { recursive: true });
  rmSync(grave, { recursive: true, force: true });
  mkdirSync(grave, { recursive: true });
  const present = filesIn(folder).map((path) => {
    const { ino, size } = lstatSync(path);
    return `I ${ino} ${size} ${path}\n`;
  });
  writeFileSync(record, present.join(''));
  return { LD_PRELOAD: library, POWERCUT_FOLDER: folder, POWERCUT_LOG: record, POWERCUT_GRAVE: grave };
};

/** A change of a name: a file gets one (no `from`), another one, or none (no `to`). */
interface NameChange {
  readonly inode: string;
  readonly from?: string;
  readonly to?: string;
}

interface FileState {
  /** Synced up to here. */
  syncedBytes: number;
  /** From, to: bytes a failed sync gave up. */
  readonly lost: (readonly [number, number])[];
  /** Changes of its names among the first so many are kept. */
  namesUpTo: number;
}

interface Recorded {
  readonly initial: ReadonlyMap<string, string>;
  readonly files: ReadonlyMap<string, FileState>;
  readonly changes: readonly NameChange[];
  /** The first so many are kept by a sync of the folder. */
  readonly keptChanges: number;
}

/** Reads a record. A last line without its end was being written at the kill and counts as not there. */
const readRecord = (record: string): Recorded => {
  const initial = new Map<string, string>();
  const files = new Map<string, FileState>();
  const changes: NameChange[] = [];
  let keptChanges = 0;
  const stateOf = (inode: string): FileState => {
    let state = files.get(inode);
    if (state === undefined) files.set(inode, (state = { syncedBytes: 0, lost: [], namesUpTo: 0 }));
    return state;
  };
  for (const line of readFileSync(record, 'utf8').split('\n').slice(0, -1)) {
    const [kind = '', inode = '', ...rest] = line.split(' ');
    const text = rest.join(' ');
    const state = stateOf(inode);
    if (kind === 'I') {
      state.syncedBytes = Number(rest[0]);
      initial.set(rest.slice(1).join(' '), inode);
    } else if (kind === 'C') changes.push({ inode, to: text });
    else if (kind === 'R') {
      const [from = '', to = ''] = text.split('\t');
      changes.push({ inode, from, to });
    } else if (kind === 'U') changes.push({ inode, from: text });
    else if (kind === 'T') state.syncedBytes = Math.min(state.syncedBytes, Number(text));
    else if (kind === 'S') {
      state.syncedBytes = Math.max(state.syncedBytes, Number(rest[0]));
      state.namesUpTo = Number(rest[1]);
    } else if (kind === 'F') state.lost.push([state.syncedBytes, Number(text)]);
    else if (kind === 'D') keptChanges = Math.max(keptChanges, Number(text));
    else throw new Error(`a record has a line of no known kind: ${line}`);
  }
  return { initial, files, changes, keptChanges };
};

/** The names after the cut, with their inodes. */
const namesAfter = (
  { initial, files, changes }: Recorded,
  kept: number,
): { readonly names: ReadonlyMap<string, string>; readonly lost: number } => {
  const names = new Map(initial);
  let lost = 0;
  for (const [index, { inode, from, to }] of changes.entries()) {
    if (index >= kept && index >= (files.get(inode)?.namesUpTo ?? 0)) {
      lost++;
      continue;
    }
    if (from !== undefined && names.get(from) === inode) names.delete(from);
    if (to !== undefined) names.set(to, inode);
  }
  return { names, lost };
};

const zero = (path: string, from: number, to: number): void => {
  if (to <= from) return;
  const file = openSync(path, 'r+');
  writeSync(file, new Uint8Array(to - from), 0, to - from, from);
  closeSync(file);
};

/** Makes the content of one file what the disk would hold; returns how many bytes were lost. */
const cutContent = (path: string, state: FileState, mode: CutMode, random: () => number): number => {
  const { size } = lstatSync(path);
  const synced = Math.min(state.syncedBytes, size);
  const unsynced = size - synced;
  const length = mode === 'cut' ? synced : synced + Math.floor(random() * (unsynced + 1));
  // Once in a while the blocks behind a known length were never written.
  const written = mode === 'random' && random() < 0.25 ? synced + Math.floor(random() * (length - synced + 1)) : length;
  const file = openSync(path, 'r+');
  ftruncateSync(file, length);
  closeSync(file);
  zero(path, written, length);
  let givenUp = 0;
  for (const [from, to] of state.lost) {
    zero(path, from, Math.min(to, length));
    givenUp += Math.max(0, Math.min(to, length) - from);
  }
  return size - written + givenUp;
};

/** Moves every known file out of the folder; gives where each inode is now. */
const gather = (
  { folder, grave }: Recording,
  names: ReadonlyMap<string, string>,
): { readonly places: ReadonlyMap<string, string>; readonly unknown: readonly string[] } => {
  const places = new Map<string, string>();
  const unknown: string[] = [];
  for (const name of existsSync(grave) ? readdirSync(grave) : []) places.set(name, join(grave, name));
  for (const path of filesIn(folder)) {
    const inode = String(lstatSync(path).ino);
    if (names.get(path) !== inode) {
      unknown.push(path);
      continue;
    }
    const place = join(grave, inode);
    renameSync(path, place);
    places.set(inode, place);
  }
  return { places, unknown };
};

/** Cuts the power: call it after the process is gone. `random` gives numbers in [0, 1). */
export const cutPower = (recording: Recording, mode: CutMode, random: () => number): CutReport => {
  const recorded = readRecord(recording.record);
  const { changes, keptChanges, files } = recorded;
  const kept = mode === 'cut' ? keptChanges : keptChanges + Math.floor(random() * (changes.length - keptChanges + 1));
  const { names, lost } = namesAfter(recorded, kept);
  // What is there now carries the names that all changes together gave.
  const { places, unknown } = gather(recording, namesAfter(recorded, changes.length).names);
  let lostBytes = 0;
  const placed = new Map<string, string>();
  for (const [path, inode] of names) {
    const place = places.get(inode);
    const state = files.get(inode);
    const otherName = placed.get(inode);
    if (place === undefined || state === undefined) throw new Error(`the file behind ${path} is not there any more`);
    mkdirSync(dirname(path), { recursive: true });
    if (otherName !== undefined) linkSync(otherName, path);
    else {
      lostBytes += cutContent(place, state, mode, random);
      renameSync(place, path);
      placed.set(inode, path);
    }
  }
  rmSync(recording.grave, { recursive: true, force: true });
  return { lostBytes, lostNames: lost, names: changes.length, unknown };
};
