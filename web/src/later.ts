// SPDX-License-Identifier: MIT
// What most visits never open: loaded as one file the first time that it is needed.

export { Fits } from './chart/fits';
export { ComparePage } from './compare/compare-page';
export { FlameTab } from './flame/flame-tab';
export { HealthPage } from './health/health-page';
export { About } from './process/about';
export { GcTab } from './process/gc';
export { MapsTab } from './process/maps';
export { RawTab } from './process/raw';
export { RetainersTab } from './process/retainers';
export { WorkersTab } from './process/workers';
