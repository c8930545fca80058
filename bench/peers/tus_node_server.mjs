// @tus/server with its file store and its defaults: node tus_node_server.mjs FOLDER PORT
import http from 'node:http'
import { FileStore } from '@tus/file-store'
import { Server } from '@tus/server'

const [folder, port] = process.argv.slice(2)
const tus = new Server({ path: '/files', datastore: new FileStore({ directory: folder }) })
http.createServer(tus.handle.bind(tus)).listen(Number(port), '127.0.0.1', 1024)
