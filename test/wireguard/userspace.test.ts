import { wireguardScenarios } from './scenarios.js';

// On a kernel without WireGuard these go by wireguard-go, and need no VM.
wireguardScenarios(['tun']);
