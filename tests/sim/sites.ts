import { clusterSite } from './site-cluster.ts';
import { singleSite } from './site-single.ts';
import type { BuildSite } from './world.ts';

export type SiteName = 'cluster' | 'single';
export const SITES: { readonly [S in SiteName]: BuildSite } = { cluster: clusterSite, single: singleSite };
export const isSite = (name: string): name is SiteName => Object.hasOwn(SITES, name);
