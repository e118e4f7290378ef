import { wireguardScenarios } from '../wireguard/scenarios.js';

wireguardScenarios(['wireguard']);
