// The lab: its processes, its clusters, its Git repository.

import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { lab } from './settings.ts';
import { run, until } from './processes.ts';

/** `lab.sh pause apiserver-dev` and its like. */
export const labCommand = (...args: string[]) => run(lab.script, args, { env: lab.environment });

/** kubectl in one of the clusters. */
export const kubectl = (cluster: string, ...args: string[]) =>
  run(join(lab.programs, 'bin/kubectl'), ['--kubeconfig', join(lab.folder, 'kubeconfig'), '--context', cluster, ...args]);

/** What the tests read of an Application. */
export interface Application {
  metadata: { resourceVersion: string; annotations?: Record<string, string> };
  operation?: unknown;
  status?: {
    sync?: { status?: string; revision?: string };
    health?: { status?: string };
    operationState?: { phase?: string; startedAt?: string; operation?: { initiatedBy?: { username?: string }; info?: { name: string; value: string }[] } };
    history?: { revision: string }[];
  };
}

export async function application(name: string): Promise<Application> {
  return JSON.parse(await kubectl('mgmt', '-n', 'argocd', 'get', 'application', name, '-o', 'json')) as Application;
}

/** Waits until Argo CD says this of an Application, e.g. `Synced/Healthy`. */
export const becomes = (name: string, sync: string, health: string, seconds = 60) =>
  until(`${name} ${sync} and ${health}`, async () => {
    const { status } = await application(name);
    return status?.sync?.status === sync && status.health?.status === health;
  }, seconds);

/** Waits until an Application runs a commit, Healthy. */
export const runs = (name: string, revision: string, seconds = 60) =>
  until(`${name} at ${revision}`, async () => {
    const { status } = await application(name);
    return status?.sync?.status === 'Synced' && status.sync.revision === revision && status.health?.status === 'Healthy';
  }, seconds);

/** Asks Argo CD to look at Git again. */
export const refresh = (name: string) =>
  kubectl('mgmt', '-n', 'argocd', 'annotate', '--overwrite', 'application', name, 'argocd.argoproj.io/refresh=normal');

/** Changes files of the fleet's repository and pushes; returns the commit. */
export async function commit(subject: string, change: (folder: string) => Promise<void>): Promise<string> {
  const folder = join(lab.folder, 'tmp/end2end');
  const git = (...args: string[]) => run('git', ['-C', folder, ...args]);
  if (existsSync(folder)) await git('pull', '-q', '--ff-only');
  else await run('git', ['clone', '-q', join(lab.folder, 'git/fleet.git'), folder]);
  await change(folder);
  await git('-c', 'user.name=erin', '-c', 'user.email=erin@quarterdeck.test', 'commit', '-qam', subject);
  await git('push', '-q');
  return (await git('rev-parse', 'HEAD')).trim();
}

/** Releases a version of an app in one environment: what a promotion will do. */
export const release = (app: string, environment: string, tag: string) =>
  commit(`Release ${app} ${tag} to ${environment}`, (folder) =>
    edit(join(folder, `apps/${app}/overlays/${environment}/kustomization.yaml`), /newTag: .*/, `newTag: ${tag}`),
  );

/** Replaces text in a file that has it. */
export async function edit(file: string, pattern: RegExp, text: string) {
  const before = await readFile(file, 'utf8');
  const after = before.replace(pattern, text);
  if (after === before) throw new Error(`${file} has nothing that matches ${String(pattern)}, or it says so already`);
  await writeFile(file, after);
}
