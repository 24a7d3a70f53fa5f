/**
 * A file system that writes no zeros: they become holes, which read as zeros and take no space. So a disk holds the files of a store many times its
 * size, made by the store's own code. What it lacks of a real one is the time that a disk takes for those bytes.
 *
 * Invariant: what is read is what was written. Only zeros behind the end of a file are left out; over what was there they are written.
 */
import type { FileHandle, FileSystem } from '@floe/platform';

const PAGE = 4096;
/** Looked at in one piece first: most are zeros, and one comparison of 64 KiB takes as long as two of 4 KiB. */
const STRETCH = 16 * PAGE;
const ZEROS = new Uint8Array(STRETCH);

export function sparseFileSystem(fileSystem: FileSystem): FileSystem {
  return {
    ...fileSystem,
    async open(path, mode, privacy) {
      const file = await fileSystem.open(path, mode, privacy);
      return mode === 'read' ? file : sparseFile(file, await file.size());
    },
  };
}

/** @param sizeBytes of the file now; nobody else changes it */
function sparseFile(file: FileHandle, sizeBytes: number): FileHandle {
  let size = sizeBytes;
  return {
    read: (target, offset) => file.read(target, offset),
    async write(parts, offset) {
      let end = offset;
      for (const part of parts) end += part.length;
      const oldSize = size;
      for (const run of runsToWrite(parts, offset, oldSize)) {
        await file.write(run.parts, run.offset);
        size = Math.max(size, run.offset + run.sizeBytes);
      }
      if (end > size) {
        await file.truncate(end);
        size = end;
      }
    },
    sync: () => file.sync(),
    async truncate(to) {
      await file.truncate(to);
      size = to;
    },
    size: () => file.size(),
    lastChange: () => file.lastChange(),
    close: () => file.close(),
  };
}

interface Run {
  readonly offset: number;
  readonly parts: Uint8Array[];
  sizeBytes: number;
}

/** What must be written: pieces within a page each, joined where they touch. */
function runsToWrite(parts: readonly Uint8Array[], offset: number, fileSize: number): Run[] {
  const runs: Run[] = [];
  let at = offset;
  for (const part of parts) {
    for (let done = 0; done < part.length;) {
      const isNew = at >= fileSize;
      const stretch = part.subarray(done, done + STRETCH - (at % PAGE));
      const isHole = isNew && isZero(stretch);
      const piece = isHole ? stretch : part.subarray(done, done + PAGE - (at % PAGE));
      if (!isHole && !(isNew && isZero(piece))) {
        const last = runs.at(-1);
        if (last !== undefined && last.offset + last.sizeBytes === at) {
          last.parts.push(piece);
          last.sizeBytes += piece.length;
        } else {
          runs.push({ offset: at, parts: [piece], sizeBytes: piece.length });
        }
      }
      done += piece.length;
      at += piece.length;
    }
  }
  return runs;
}

function isZero(bytes: Uint8Array): boolean {
  return Buffer.compare(bytes, ZEROS.subarray(0, bytes.length)) === 0;
}
