// SPDX-License-Identifier: MIT
import { render } from 'preact';
import { App } from './app';
import { startStore } from './store/store';
import './health/own-memory';
import 'uplot/dist/uPlot.min.css';
import './styles/tokens.css';
import './styles/base.css';
import './styles/shell.css';
import './styles/parts.css';
import './styles/overview.css';
import './styles/process.css';
import './styles/flame.css';
import './styles/pages.css';

const root = document.getElementById('app');
if (root) render(<App />, root);
startStore();
