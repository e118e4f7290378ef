import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseAllDocuments } from 'yaml';

/** An object of the Kubernetes API, as far as a test looks at all of them. */
export interface KubeObject {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly [field: string]: unknown;
}

type Fields = Readonly<Record<string, unknown>>;

interface Kustomization {
  readonly resources?: readonly string[];
  readonly patches?: readonly { readonly path: string }[];
  readonly images?: readonly { readonly name: string; readonly newTag: string }[];
}

const DEPLOY = new URL('../../deploy/kubernetes/', import.meta.url);

export const deployPath = (folder: string): string => fileURLToPath(new URL(folder, DEPLOY));

/**
 * What `kubectl apply -k` of a folder below deploy/kubernetes would send, for machines without kubectl: of kustomize
 * what these files use. test/deploy/kustomize.test.ts holds it against the real one.
 */
export const render = (folder: string): readonly KubeObject[] => renderFolder(new URL(`${folder}/`, DEPLOY));

function renderFolder(folder: URL): readonly KubeObject[] {
  const [kustomization] = documents<Kustomization & Fields>(new URL('kustomization.yaml', folder));
  const { resources = [], patches = [], images = [], ...rest } = kustomization ?? {};
  const unknown = Object.keys(rest).filter((key) => key !== 'apiVersion' && key !== 'kind');
  if (unknown.length > 0) throw new Error(`${folder.pathname}: this reading of kustomize lacks ${unknown.join()}`);
  let objects = resources.flatMap((resource) =>
    resource.endsWith('.yaml')
      ? documents<KubeObject>(new URL(resource, folder))
      : renderFolder(new URL(`${resource}/`, folder)),
  );
  for (const { path } of patches) {
    for (const patch of documents<KubeObject>(new URL(path, folder))) {
      if (!objects.some((object) => isSame(object, patch))) throw new Error(`${path} patches what is not there`);
      objects = objects.flatMap((object) => {
        if (!isSame(object, patch)) return [object];
        return patch.$patch === 'delete' ? [] : [merge(object, patch) as KubeObject];
      });
    }
  }
  return objects.map((object) => tagged(object, images) as KubeObject);
}

function documents<T>(file: URL): readonly T[] {
  return parseAllDocuments(readFileSync(file, 'utf8')).map((document) => {
    if (document.errors[0]) throw new Error(`${file.pathname}: ${document.errors[0].message}`);
    return document.toJS() as T;
  });
}

const isSame = (a: KubeObject, b: KubeObject): boolean =>
  a.kind === b.kind && a.metadata.name === b.metadata.name && a.metadata.namespace === b.metadata.namespace;

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A strategic merge: maps by key, null takes a key away, lists of things that have a name by that, others as a whole. */
function merge(base: unknown, patch: unknown): unknown {
  if (isFields(base) && isFields(patch)) {
    const both = Object.entries(patch).map(([key, value]) => [key, key in base ? merge(base[key], value) : value]);
    const merged = Object.entries({ ...base, ...Object.fromEntries(both) });
    return Object.fromEntries(merged.filter(([key]) => patch[key] !== null));
  }
  if (!Array.isArray(base) || !Array.isArray(patch)) return patch;
  const by = ['mountPath', 'name'].find((key) => patch.every((item) => isFields(item) && key in item));
  if (by === undefined) return patch;
  const fresh = patch.filter((item) => !base.some((old) => old[by] === item[by]));
  return [...base.map((old) => merge(old, patch.find((item) => item[by] === old[by]) ?? old)), ...fresh];
}

function tagged(value: unknown, images: NonNullable<Kustomization['images']>): unknown {
  if (Array.isArray(value)) return value.map((item) => tagged(item, images));
  if (!isFields(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => {
      const image = key === 'image' ? images.find(({ name }) => name === inner) : undefined;
      return [key, image === undefined ? tagged(inner, images) : `${image.name}:${image.newTag}`];
    }),
  );
}
