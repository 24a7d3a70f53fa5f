/** Scratches and sources in files, on Node.js. */
import { hostname, tmpdir } from 'node:os';
import { nodeFileSystem } from '@floe/platform/node';
import { openFileScratchSpace, type ProcessTable } from '../stream/file-scratch.ts';
import { type OpenSource, openFileSourceOn } from '../stream/file-source.ts';
import type { ScratchSpace } from '../stream/ports.ts';

/** Opens a file as a source. Close it in the end. @throws FILE_NOT_FOUND, IO_FAILED */
export async function openFileSource(path: string): Promise<OpenSource> {
  return await openFileSourceOn(path, { fileSystem: nodeFileSystem });
}

/**
 * Scratches in files of `directory`, the system's for temporary files by default. Removes what processes of this machine
 * that ended without warning have left there. For the main thread only: threads count as processes of their own.
 * @throws IO_FAILED
 */
export async function openScratchSpace({
  directory = tmpdir(),
}: { readonly directory?: string | undefined } = {}): Promise<ScratchSpace> {
  return await openFileScratchSpace({ directory }, { fileSystem: nodeFileSystem, processes: systemProcesses });
}

/** {@link openScratchSpace} when it is first needed: until then its directory is not even looked at. */
export function scratchOnDemand(options: { readonly directory?: string | undefined }): ScratchSpace {
  let space: Promise<ScratchSpace> | undefined;
  return {
    async open(sizeBytes, openOptions) {
      space ??= openScratchSpace(options).catch((error: unknown) => {
        space = undefined;
        throw error;
      });
      return await (await space).open(sizeBytes, openOptions);
    },
    async close() {
      await (await space)?.close();
    },
  };
}

/** A machine, a process number, which is used again, and when the process began. */
const OWNER = /^(.+)\.(\d+)\.([a-z0-9]+)$/;
const machine = hostname().replaceAll(/[^A-Za-z0-9-]/g, '-');
const own = `${machine}.${process.pid}.${Math.round(performance.timeOrigin).toString(36)}`;

export const systemProcesses: ProcessTable = {
  own,
  isAlive(owner) {
    const [, ofMachine, pid] = OWNER.exec(owner) ?? [];
    if (pid === undefined || ofMachine !== machine) return true;
    if (Number(pid) === process.pid) return owner === own;
    try {
      process.kill(Number(pid), 0);
      return true;
    } catch (error) {
      return (error as NodeJS.ErrnoException).code !== 'ESRCH';
    }
  },
};
