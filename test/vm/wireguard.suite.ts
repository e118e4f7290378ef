import { wireguardScenarios } from '../wireguard/scenarios.js';

wireguardScenarios({ needs: ['wireguard'], healing: ['46'] });
